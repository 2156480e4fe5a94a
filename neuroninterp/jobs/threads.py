"""One thread a worker: as many workers as cores are then neither too few nor too many."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

__all__ = ["ONE_THREAD", "compute_in_one_thread", "use_one_thread"]

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""What the libraries look for in the environment when they are imported."""


def compute_in_one_thread() -> None:
    """Let TensorFlow compute in one thread, as workers do, where it is not imported yet.

    How a product is cut up among threads decides in which order it is summed, and so its last
    digits.
    """
    names = [name for name in ONE_THREAD if name.startswith("TF_")]
    os.environ.update({name: ONE_THREAD[name] for name in names})


def use_one_thread() -> None:
    """Let this process compute in one thread from now on, whatever it has imported so far.

    What was not imported yet obeys the environment; NumPy's products and Numba are told where
    they are. TensorFlow cannot be told any more once it has computed something.
    """
    os.environ.update(ONE_THREAD)
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if "numba" in sys.modules:
        sys.modules["numba"].set_num_threads(1)
    if "tensorflow" in sys.modules:
        threading = sys.modules["tensorflow"].config.threading
        with suppress(RuntimeError):
            threading.set_intra_op_parallelism_threads(1)
            threading.set_inter_op_parallelism_threads(1)
