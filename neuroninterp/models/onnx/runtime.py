"""Runs an ONNX model through ONNX Runtime: predictions, and tensors tapped on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from io import StringIO
from threading import Timer
from typing import Any

import numpy as np

from neuroninterp.errors import ModelError
from neuroninterp.models.layout import InputLayout
from neuroninterp.models.onnx.file import OnnxFile
from neuroninterp.models.onnx.inputs import fill
from neuroninterp.models.onnx.walk import all_nodes, names_read
from neuroninterp.models.runtime import Tap

__all__ = ["LONGEST_LOOP", "OnnxRuntime", "check_runnable"]

LONGEST_LOOP = 120.0
"""Seconds that a batch may take where the model has a loop."""

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(uint32)": np.uint32,
    "tensor(int32)": np.int32,
    "tensor(uint64)": np.uint64,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


def check_runnable(file: OnnxFile) -> None:
    """Have ONNX Runtime accept a model without computing anything of it yet.

    Raises
    ------
    ModelError
        If it refuses, with its reason.
    """
    _session(file, file.runnable, "cpu", optimise=False)


class OnnxRuntime:
    """The model's own runtime.

    Parameters
    ----------
    file : OnnxFile
        The network.
    layout : InputLayout
        The sequence input, and what the other inputs hold.
    helpers : sequence of onnx.NodeProto
        Operations that compute tensors for taps that the file has not.
    device : str
        "cpu" or "gpu". With "gpu" and no usable one, predictions run on the CPU.
    fold : bool
        Whether ONNX Runtime may compute the model's constants when it opens it: only where
        their sizes are known.

    Attributes
    ----------
    device : str
        Device that predictions use. Taps, which serve the fidelity check, always use the
        CPU, in float32 and without graph optimisations.

    Raises
    ------
    ModelError
        If ONNX Runtime refuses the model.
    """

    device: str

    def __init__(
        self,
        file: OnnxFile,
        layout: InputLayout,
        helpers: Sequence[Any] = (),
        *,
        device: str,
        fold: bool = True,
    ) -> None:
        self._file = file
        self._layout = layout
        self._helpers = tuple(helpers)
        self._taps: tuple[tuple[str, ...], Any] = ((), None)
        # A loop may have no end; nothing else can run for as long as it likes.
        self._loops = any(node.op_type == "Loop" for node in all_nodes(file.runnable))
        try:
            self._session, self.device = _session(
                file, file.runnable, device, optimise=True, fold=fold
            )
        except ModelError:
            # Some optimisations break on valid files, such as a pad fused into a smaller pool.
            self._session, self.device = _session(file, file.runnable, "cpu", optimise=False)

    def predict(self, inputs: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
        """Return every output of the model.

        Parameters
        ----------
        inputs : numpy.ndarray
            Sequences in the file's own layout, float32.
        batch_size : int
            Sequences at once; a file with a fixed batch is fed batches of its own size.

        Returns
        -------
        list of numpy.ndarray, shape=(N, ...)
            One array an output.

        Raises
        ------
        ModelError
            If ONNX Runtime fails on these.
        """
        names = [value.name for value in self._session.get_outputs()]
        return self._run(self._session, inputs, batch_size, dict.fromkeys(names, (0, 1)))

    def tap(self, inputs: np.ndarray, taps: Sequence[Tap]) -> list[np.ndarray]:
        """Return intermediate tensors, float32, in their own layouts.

        Parameters
        ----------
        inputs : numpy.ndarray
            Sequences in the file's own layout, float32.
        taps : sequence of Tap
            What to return.

        Returns
        -------
        list of numpy.ndarray
            One array a tap, in the tap's layout.

        Raises
        ------
        ModelError
            If ONNX Runtime fails.
        """
        batches = {tap.tensor: (tap.axes.index("N"), tap.stacked) for tap in taps}
        names = tuple(batches)
        if self._taps[0] != names:
            model = _cut(self._file, self._helpers, names)
            self._taps = names, _session(self._file, model, "cpu", optimise=False)[0]
        session = self._taps[1]
        outputs = self._run(session, inputs, len(inputs), batches)
        values = dict(zip(names, outputs, strict=True))
        return [values[tap.tensor].astype(np.float32, copy=False) for tap in taps]

    def _run(
        self,
        session: Any,
        inputs: np.ndarray,
        batch_size: int,
        batches: Mapping[str, tuple[int, int]],
    ) -> list[np.ndarray]:
        """Run in batches and join the outputs along the sequences.

        ``batches`` says of each wanted output which axis is the batch, and how many batches
        lie on it, of which the first counts.
        """
        data, fixed = self._prepared(session, inputs)
        step = fixed or max(batch_size, 1)
        pieces = []
        for begin in range(0, len(data), step):
            batch = data[begin : begin + step]
            count = len(batch)
            if fixed and count < fixed:
                batch = np.concatenate([batch, np.zeros_like(batch, shape=_tail(batch, fixed))])
            rows = len(batch)
            found = self._call(session, list(batches), batch)
            outputs = [
                _first_batch(output, rows, *where)
                for output, where in zip(found, batches.values(), strict=True)
            ]
            if any(not _by_row(output, rows) for output in outputs) and count > 1:
                if fixed:
                    raise ModelError(
                        f"{self._file.path}: an output has no axis for its batch of {fixed}; "
                        "export the model with a free batch"
                    )
                return self._run(session, inputs, 1, batches)
            pieces.append([_rows(output, rows)[:count] for output in outputs])
        joined = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        return [
            np.moveaxis(output, 0, axis)
            for output, (axis, _) in zip(joined, batches.values(), strict=True)
        ]

    def _prepared(self, session: Any, inputs: np.ndarray) -> tuple[np.ndarray, int | None]:
        """Return the sequences in the declared type, and the size of a fixed batch."""
        name = self._layout.name
        declared = next((v for v in session.get_inputs() if v.name == name), None)
        if declared is None:
            return inputs, None
        shape = declared.shape
        fixed = shape[0] if shape and isinstance(shape[0], int) else None
        return inputs.astype(_TYPES[declared.type], copy=False), fixed

    def _call(self, session: Any, names: Sequence[str], batch: np.ndarray) -> list[np.ndarray]:
        import onnxruntime

        feed = self._feed(session, batch)
        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        limit = Timer(LONGEST_LOOP, setattr, (options, "terminate", True))
        if self._loops:
            limit.start()
        try:
            outputs = session.run(names, feed, options)
        except Exception as error:  # ONNX Runtime's own exceptions share no narrower base
            what = f"fails on input of shape {batch.shape}: {_reason(error)}"
            if limit.finished.is_set():
                what = f"was stopped: a loop in the model took more than {LONGEST_LOOP:g} s"
            raise ModelError(f"{self._file.path}: ONNX Runtime {what}") from error
        finally:
            limit.cancel()
        return [_independent(np.asarray(output), feed) for output in outputs]

    def _feed(self, session: Any, batch: np.ndarray) -> dict[str, np.ndarray]:
        """Return the sequences and, for every other input, the value that it is held at."""
        layout = self._layout
        length = batch.shape[layout.axes.index("L")]
        feed = {}
        for value in session.get_inputs():
            if value.name == layout.name:
                feed[value.name] = batch
                continue
            declared = [size if isinstance(size, int) else None for size in value.shape or ()]
            shape = fill(declared, len(batch), length)
            feed[value.name] = np.full(shape, layout.held[value.name]).astype(_TYPES[value.type])
        return feed


def _tail(batch: np.ndarray, fixed: int) -> tuple[int, ...]:
    return (fixed - len(batch), *batch.shape[1:])


def _first_batch(output: np.ndarray, rows: int, axis: int, batches: int) -> np.ndarray:
    """Put the batch first; of several batches one behind the other, keep the first."""
    if axis:
        output = np.moveaxis(output, axis, 0)
    return output[:rows] if batches > 1 and _by_row(output, rows * batches) else output


def _independent(output: np.ndarray, feed: Mapping[str, np.ndarray]) -> np.ndarray:
    """Copy an output that is the memory of an input, which is gone with the input.

    Older ONNX Runtimes (1.24 does, 1.26 does not) answer so where a graph passes an input on.
    """
    passed_on = any(np.may_share_memory(output, value) for value in feed.values())
    return output.copy() if passed_on else output


def _by_row(output: np.ndarray, rows: int) -> bool:
    return output.ndim > 0 and len(output) == rows


def _rows(output: np.ndarray, rows: int) -> np.ndarray:
    """Give an output its batch axis where the file squeezes it away for a single sequence."""
    if rows == 1 and (output.ndim < 2 or len(output) != 1):
        return output.reshape(1, *output.shape) if output.ndim else output.reshape(1, 1)
    return output


def _cut(file: OnnxFile, helpers: Sequence[Any], names: Sequence[str]) -> Any:
    """Return the part of the model that computes some tensors, with these as its outputs."""
    import onnx

    wanted = set(names)
    kept = []
    for node in reversed([*file.analysed.graph.node, *helpers]):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(names_read(node))
    model = onnx.ModelProto()
    model.CopyFrom(file.analysed)
    graph = model.graph
    for values in (graph.node, graph.output):
        del values[:]
    graph.node.extend(reversed(kept))
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    _keep(graph.initializer, lambda tensor: tensor.name in wanted)
    _keep(graph.input, lambda value: value.name in wanted)
    return model


def _keep(values: Any, condition: Any) -> None:
    for index in reversed(range(len(values))):
        if not condition(values[index]):
            del values[index]


def _session(
    file: OnnxFile, model: Any, device: str, *, optimise: bool, fold: bool = True
) -> tuple[Any, str]:
    """Open a session; return it and the device it uses."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Providers are chosen below, so what the GPU build logs about absent GPUs is noise.
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    wanted = device == "gpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    try:
        with _cuda_libraries() if wanted else nullcontext(["CPUExecutionProvider"]) as providers:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(),
                options,
                providers=providers,
                enable_fallback=0,
                disabled_optimizers=[] if fold else ["ConstantFolding"],
            )
    except Exception as error:  # ONNX Runtime's own exceptions share no narrower base
        raise ModelError(
            f"{file.path}: ONNX Runtime refuses it ({_reason(error)}); export the model again, or "
            "without what it names"
        ) from error
    used = "gpu" if "CUDAExecutionProvider" in session.get_providers() else "cpu"
    return session, used


@contextmanager
def _cuda_libraries() -> Iterator[list[str]]:
    """Offer the GPU first; quietly, because ``device`` says whether it could be used."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    try:
        if hasattr(onnxruntime, "preload_dlls"):
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                onnxruntime.preload_dlls()
        yield ["CUDAExecutionProvider", "CPUExecutionProvider"]
    finally:
        # 2, warnings, is the library's own default.
        onnxruntime.set_default_logger_severity(2)


def _reason(error: Exception) -> str:
    """Shorten an ONNX Runtime message to what it says about the model."""
    text = " ".join(str(error).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    for prefix in ("Load model from memory failed:", "This is an invalid model. "):
        text = text.removeprefix(prefix).strip()
    return text if len(text) <= 240 else text[:240] + " …"
