"""Every form of model file: read right, or refused with the right words."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.case import Case
from conformance.cases import CASES
from conformance.checks import check_fields, check_table, check_trunks
from conformance.table import PAGE, render

import neuroninterp
from neuroninterp.models.fidelity import TOLERANCE

UNDERSTOOD = [case for case in CASES if case.layers]
REFUSED = [case for case in CASES if case.says]


@pytest.mark.parametrize("case", UNDERSTOOD, ids=lambda case: case.name)
def test_understood(case: Case, tmp_path: Path) -> None:
    model = neuroninterp.load(case.build(tmp_path), device="cpu", **case.options)
    assert model.fidelity <= TOLERANCE
    check_table(case, model)
    check_fields(model)
    check_trunks(model)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refused(case: Case, tmp_path: Path) -> None:
    path = case.build(tmp_path)
    with pytest.raises(case.error, match=case.pattern) as caught:
        neuroninterp.load(path, device="cpu", **case.options)
    assert type(caught.value) is case.error
    assert "\n" not in str(caught.value)


def test_every_case_has_its_own_name() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_the_compatibility_table_is_that_of_the_cases() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == render(), "run: python -m tests.conformance.table"
