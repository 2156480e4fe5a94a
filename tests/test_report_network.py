"""The network's picture: to scale, centred, readable at any size."""

from __future__ import annotations

import dataclasses

import pytest
from example_result import FIRST, example_result

from neuroninterp.measurement.records import LayerFields, MeasuredField
from neuroninterp.report.network_chart import NARROW, WIDE, network_chart


def test_bars_are_to_scale_and_centred() -> None:
    result = example_result()
    chart = network_chart(result.fields, result.blocked, length=150, analysed=[1, 2], chosen=2)
    first, second, third, blocked = chart.rows
    assert [row.number for row in chart.rows] == [1, 2, 3, 4]
    scale = (chart.frame.right - chart.frame.left) / 150
    centre = (chart.frame.left + chart.frame.right) / 2
    assert (chart.input.x, chart.input.width) == (
        chart.frame.left,
        chart.frame.right - chart.frame.left,
    )
    assert (chart.cut, chart.input_text) == (False, "input, 150 bp")
    for row, found in zip(chart.rows, result.fields, strict=False):
        assert row.field is not None
        assert row.field.width == pytest.approx(scale * found.layer.receptive_field, abs=0.01)
        assert row.field.x + row.field.width / 2 == pytest.approx(centre, abs=0.01)
    assert first.effective is not None
    assert first.effective.x == pytest.approx(centre + scale * (2 - 19 / 2), abs=0.01)
    assert second.measured is not None
    assert second.measured.width == pytest.approx(scale * 25, abs=0.01)
    assert (third.effective, third.data, blocked.field) == (None, None, None)
    assert blocked.text == "whole sequence"
    assert [row.analysed for row in chart.rows] == [True, True, False, False]
    assert [row.chosen for row in chart.rows] == [False, True, False, False]
    assert "2 filters, kernel 19, max 2 pool" in first.title
    assert ("+60", pytest.approx(centre + 60 * scale, abs=0.1)) in [(t, x) for x, t in chart.ticks]


def test_what_pools_hide_is_drawn_to_the_same_scale() -> None:
    layer = dataclasses.replace(FIRST, uncertainty=10)
    chart = network_chart([LayerFields(layer, MeasuredField(0, 19))], [], length=None)
    (row,) = chart.rows
    assert row.hidden is not None
    assert row.field is not None
    assert row.hidden.width / row.field.width == pytest.approx(10 / 19, rel=1e-3)
    assert row.detail == "1 shift below, 10 bp hidden after"


def test_of_a_long_input_the_middle_is_drawn() -> None:
    chart = network_chart([LayerFields(FIRST, MeasuredField(0, 19))], [], length=15_000)
    assert chart.cut
    (row,) = chart.rows
    assert row.field is not None
    assert row.field.width == pytest.approx((chart.frame.right - chart.frame.left) / 6, abs=0.01)
    assert chart.input_text == "input, 15\u2009000 bp"


def test_the_narrow_picture_tells_the_same() -> None:
    result = example_result()
    wide, narrow = (
        network_chart(result.fields, result.blocked, length=150, frame=frame)
        for frame in (WIDE, NARROW)
    )
    ratio = (NARROW.right - NARROW.left) / (WIDE.right - WIDE.left)
    for one, other in zip(wide.rows, narrow.rows, strict=True):
        assert (one.title, one.text, one.detail) == (other.title, other.text, other.detail)
        for a, b in ((one.field, other.field), (one.effective, other.effective)):
            assert (a is None) == (b is None)
            if a is not None and b is not None:
                assert b.width == pytest.approx(ratio * a.width, abs=0.02)
        if other.field is not None:
            assert NARROW.left - 0.1 <= other.field.x <= NARROW.right


@pytest.mark.parametrize("longest", [1, 7, 19, 163, 2001, 10_001, 1_000_000])
def test_ticks_are_few_and_round(longest: int) -> None:
    layer = dataclasses.replace(FIRST, receptive_field=longest)
    chart = network_chart([LayerFields(layer, MeasuredField(0, longest))], [], length=None)
    assert 1 <= len(chart.ticks) <= 7
    assert all(chart.frame.left <= x <= chart.frame.right for x, _ in chart.ticks)
    assert len({x for x, _ in chart.ticks}) == len(chart.ticks)
