"""The numerical backend: Keras on TensorFlow by default, JAX through ``KERAS_BACKEND``.

Keras is imported here and nowhere at module level, because importing TensorFlow takes
seconds and prints messages about absent GPUs that mean nothing to a user.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any

from neuroninterp.errors import NeuroninterpError

__all__ = [
    "compiled",
    "device_in_use",
    "import_keras",
    "one_thread",
    "recompiles_per_shape",
    "resolve_device",
    "value_and_gradient",
]

DEVICES = ("auto", "cpu", "gpu")


def resolve_device(device: str = "auto") -> str:
    """Return "gpu" or "cpu": what ``device`` means on this machine.

    Must be called before Keras is imported for "cpu" to keep the backend off a GPU.

    Parameters
    ----------
    device : str
        "auto" (a GPU where there is one), "cpu" or "gpu".

    Raises
    ------
    NeuroninterpError
        If ``device`` is unknown, or "gpu" on a machine without an NVIDIA driver.
    """
    if device not in DEVICES:
        raise NeuroninterpError(f"unknown device {device!r}; valid: {', '.join(DEVICES)}")
    present = _gpu_driver_present()
    if device == "gpu" and not present:
        raise NeuroninterpError(
            "no GPU was found (no NVIDIA driver, or none visible); use --device cpu or auto"
        )
    if device == "cpu" or not present:
        # Keeps TensorFlow and JAX from probing for a GPU that is absent or not wanted.
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        return "cpu"
    return "gpu"


def _gpu_driver_present() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return bool(
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
    )


def import_keras(*, bare: bool = False) -> ModuleType:
    """Import Keras and its backend without the backend's start-up messages.

    Parameters
    ----------
    bare : bool
        Spare the import of scikit-learn, which Keras does for wrappers of its own and which
        takes a second. The wrappers then do not work in this process.
    """
    if "keras" in sys.modules:
        return sys.modules["keras"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not _gpu_driver_present():
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with _quiet_stderr(), _without("sklearn") if bare else nullcontext():
        import keras

        # The backend logs once more when it first looks for devices.
        keras.ops.zeros((1,))
    _compute_in_full_precision(keras.backend.backend())
    # It warns of every new shape of a compiled function; ours are few and meant.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return keras


def _compute_in_full_precision(backend: str) -> None:
    """Turn off the 10-bit products that GPUs use by default: they miss the fidelity limit."""
    if backend == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    elif backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Let a module that is not imported yet seem to be absent."""
    hidden = name not in sys.modules
    if hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # what the import system asks for
    try:
        yield
    finally:
        if hidden:
            del sys.modules[name]


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Send the process's standard error to nowhere: the messages come from C++ code."""
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def device_in_use() -> str:
    """Return "gpu" or "cpu": where the imported backend really computes."""
    keras = import_keras()
    if keras.backend.backend() == "jax":
        import jax

        return "cpu" if jax.default_backend() == "cpu" else "gpu"
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return "gpu" if tensorflow.config.list_physical_devices("GPU") else "cpu"
    return "cpu"


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute NumPy's products in one thread, as a context or a decorator.

    Those of sampling and decoupling are small: threads would mostly wait for each other, which
    costs as much as work, and how many there are would change the last digits of the answers.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of tensors with the backend's own compiler.

    JAX compiles once a shape, TensorFlow once for all batch sizes (see
    :func:`recompiles_per_shape`).
    """
    keras = import_keras()
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return tensorflow.function(function, autograph=False, reduce_retracing=True)
    return function


def recompiles_per_shape() -> bool:
    """Say whether a new batch size costs a compilation, so that padding batches pays."""
    return bool(import_keras().backend.backend() == "jax")


def value_and_gradient(function: Callable[[Any], Any], at: Any) -> tuple[Any, Any]:
    """Return ``function`` at a tensor, and the gradient of its summed output there.

    Zeros where the output does not depend on it, or only through steps (a rounding).

    Raises
    ------
    NeuroninterpError
        If the Keras backend is neither TensorFlow nor JAX.
    """
    keras = import_keras()
    name = keras.backend.backend()
    if name == "jax":
        import jax

        def summed(tensor: Any) -> tuple[Any, Any]:
            output = function(tensor)
            return output.sum(), output

        (_, value), slope = jax.value_and_grad(summed, has_aux=True)(at)
        return value, slope
    if name == "tensorflow":
        import tensorflow

        with tensorflow.GradientTape() as tape:
            tape.watch(at)
            output = function(at)
        return output, tape.gradient(output, at, unconnected_gradients="zero")
    raise NeuroninterpError(
        f"KERAS_BACKEND={name} is not supported; use tensorflow (the default) or jax"
    )
