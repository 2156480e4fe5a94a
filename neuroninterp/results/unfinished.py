"""What a results folder holds while a run goes on, and how a result says that it is not whole."""

from __future__ import annotations

from dataclasses import dataclass

from neuroninterp.bottleneck import Reading, Verdict

__all__ = ["UNFINISHED", "Unfinished", "unfinished_verdict"]

UNFINISHED = "unfinished"
"""Folder inside a results folder: what a run has done so far, until it is finished."""


@dataclass(frozen=True)
class Unfinished:
    """How much of a run is done.

    Parameters
    ----------
    done : int
        Neurons that are analysed.
    neurons : int
        Neurons in all.
    missing : str
        One sentence: what is not there yet.
    """

    done: int
    neurons: int
    missing: str

    @property
    def sentence(self) -> str:
        """What stands in the place of a verdict; one line."""
        return f"Not finished: {self.done} of {self.neurons} neurons are analysed. {self.missing}"


def unfinished_verdict(structural: Reading, unfinished: Unfinished) -> Verdict:
    """Return the verdict of a run that goes on: the architecture's reading, and no other.

    Parameters
    ----------
    structural : Reading
        Read off the architecture; it stands whatever the neurons will say.
    unfinished : Unfinished
        How much is done.
    """
    reason = f"not finished: {unfinished.done} of {unfinished.neurons} neurons are analysed"
    return Verdict(
        layer=None,
        kind="undetermined",
        structural=structural,
        empirical=Reading(None, "undetermined", reason),
        sentence=unfinished.sentence,
    )
