"""Reading Keras models: files of every Keras version into the canonical graph."""
