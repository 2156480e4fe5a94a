"""How many workers fit, and what their batches may take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroninterp.errors import NeuroninterpError
from neuroninterp.jobs import resources
from neuroninterp.jobs.resources import parse_memory, plan_workers, usable_cores


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4_000_000_000),
        ("4g", 4_000_000_000),
        ("512M", 512_000_000),
        ("1.5 GiB", 1_610_612_736),
        ("2Ti", 2_199_023_255_552),
        ("3000000000", 3_000_000_000),
        ("2.5e", None),
        ("", None),
        ("0", None),
        ("-4GB", None),
        ("4 GB 3", None),
        ("4iB", None),
        ("many", None),
    ],
)
def test_amounts_of_memory(text: str, size: int | None) -> None:
    if size is not None:
        assert parse_memory(text) == size
        return
    with pytest.raises(NeuroninterpError, match="is no amount of memory; expected one like 4GB"):
        parse_memory(text)


@given(workers=st.integers(1, 64), memory=st.integers(1_804_000_000, 10**12))
def test_a_plan_keeps_to_the_memory(workers: int, memory: int) -> None:
    plan = plan_workers(workers, memory)
    assert 1 <= plan.workers <= workers
    assert plan.batch_bytes is not None
    assert 1_000_000 <= plan.batch_bytes <= 96_000_000
    one = resources._ROOM_BYTES + resources._BATCHES * plan.batch_bytes
    more = plan.workers * (one + resources._WORKER_BYTES) if plan.workers > 1 else one
    assert resources._MAIN_BYTES + more <= memory
    # More memory is never worse.
    assert plan_workers(workers, 2 * memory).workers >= plan.workers


def test_no_limit_and_no_room() -> None:
    assert plan_workers(3) == resources.Plan(3, None)
    assert plan_workers(-1).workers == usable_cores()
    assert plan_workers(2, 4_000_000_000).workers == 2
    with pytest.raises(NeuroninterpError, match=r"1\.2 GB of memory does not do; .* at least 1\.8"):
        plan_workers(2, 1_200_000_000)
    with pytest.raises(NeuroninterpError, match="0 workers: expected at least 1, or -1"):
        plan_workers(0)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process")
def test_only_cores_that_the_process_is_bound_to_count() -> None:
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, [{core}]);"
        "from neuroninterp.jobs.resources import usable_cores; print(usable_cores())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout == "1\n"


def test_a_containers_share_of_the_cores(tmp_path: Path) -> None:
    assert resources._quota(tmp_path) == float("inf")
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert resources._quota(tmp_path) == float("inf")
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    assert resources._quota(tmp_path) == 3
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert resources._quota(tmp_path) == float("inf")
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert resources._quota(tmp_path) == 1.5
