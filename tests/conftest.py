"""Shared set-up: helpers of the tests are importable, and the CPU is used."""

from __future__ import annotations

import sys
from pathlib import Path

from neuroninterp.backend import import_keras, resolve_device

sys.path.insert(0, str(Path(__file__).parent))

# Before anything imports TensorFlow on its own: no GPU probing, no start-up messages.
resolve_device("cpu")
import_keras()
