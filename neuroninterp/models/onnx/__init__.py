"""Reading ONNX models: files of any exporter into the canonical graph."""
