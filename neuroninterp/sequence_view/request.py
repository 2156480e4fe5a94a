"""What shall stand beside attributions: asked and checked before they are computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neuroninterp.attribution import Attribution
from neuroninterp.errors import MotifFileError, UnknownNameError
from neuroninterp.models import Model
from neuroninterp.motifs.databases import MotifDatabase, load_database, relevant_indices
from neuroninterp.results import AnalysisResult, read_results
from neuroninterp.sequence_view.view import SequenceView, layer_of_view, sequence_views
from neuroninterp.sequences.sites import PlantedSites

__all__ = ["ViewRequest"]


@dataclass(frozen=True, eq=False)
class ViewRequest:
    """An analysis of the network, and which of it to show.

    Parameters
    ----------
    model : Model
        The network.
    analysis : AnalysisResult
        What was found about it.
    layer : int
        Layer whose neurons are shown.
    database : MotifDatabase
        Known motifs.
    known : tuple of str
        Which of them to look for; none for those that the shown neurons match best.
    """

    model: Model
    analysis: AnalysisResult
    layer: int
    database: MotifDatabase
    known: tuple[str, ...]

    @classmethod
    def read(
        cls,
        model: Model,
        folder: Path,
        *,
        layer: int | None = None,
        known: tuple[str, ...] = (),
        motifs: str | None = None,
    ) -> ViewRequest:
        """Read an analysis, and make sure that it can be shown beside the model's attributions.

        Parameters
        ----------
        model : Model
            The network.
        folder : Path
            Results folder of ``analyze``.
        layer : int or None
            Layer whose neurons are shown; the verdict's for None.
        known : tuple of str
            Ids or names of known motifs.
        motifs : str or None
            A JASPAR release or a MEME file; the analysis's for None.

        Raises
        ------
        OutputError
            If there is no analysis, it is of another model, or lacks the layer.
        UnknownNameError
            If a known motif does not exist.
        MotifFileError
            If the motifs of the analysis were a file that is not here any more.
        """
        analysis = read_results(folder)
        number = layer_of_view(model, analysis, layer)
        database = _database(analysis, motifs)
        relevant_indices(database, known)
        return cls(model, analysis, number, database, known)

    def views(
        self, attribution: Attribution, planted: PlantedSites | None, *, limit: int
    ) -> list[SequenceView]:
        """Return the views of the first sequences of an attribution, at most ``limit``."""
        first = attribution.first(limit)
        sites = None if planted is None else planted.among(0, len(first))
        return sequence_views(
            self.model,
            self.analysis,
            first,
            layer=self.layer,
            planted=sites,
            database=self.database,
            known=self.known or None,
        )


def _database(analysis: AnalysisResult, motifs: str | None) -> MotifDatabase:
    if motifs is not None:
        return load_database(motifs)
    name = str(analysis.settings["motifs"])
    try:
        return load_database(name)
    except (MotifFileError, UnknownNameError) as error:
        raise MotifFileError(
            f"the analysis was made with the motifs {name!r}, which cannot be found from here; "
            "say where they are with --motifs"
        ) from error
