"""Every form of model file that the product reads or refuses, built small and checked."""

from __future__ import annotations

import sys
from pathlib import Path

# The builders beside this package are importable from the tests and from the command line.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
