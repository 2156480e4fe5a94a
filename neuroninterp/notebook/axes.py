"""Where figures are drawn: on the caller's axes, or on new ones that a notebook shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ACCENT", "FAINT", "MUTED", "WARM", "axes_or_new"]

ACCENT, WARM, MUTED, FAINT = "#14606b", "#b87400", "#5a636d", "#dfe2e0"
"""The report's colours: what counts, what the user's sequences say, the rest, and the ground."""


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the caller's axes, or those of a new figure of a size in inches.

    Only a new figure is made through pyplot, which is what shows it below a notebook's cell.
    """
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax
