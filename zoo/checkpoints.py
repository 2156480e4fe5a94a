"""Checkpoints of a training run, so that a killed run continues where it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroninterp.errors import OutputError
from zoo.output import aside

if TYPE_CHECKING:
    import keras

__all__ = ["Checkpoint", "History", "checkpoint_folder", "read_progress"]


@dataclass(frozen=True)
class History:
    """The epochs of a run so far.

    Parameters
    ----------
    loss, val_loss : tuple of float
        Binary cross-entropy plus weight penalty of each epoch, on the training and the
        validation part.
    seconds : float
        Time spent on them.
    """

    loss: tuple[float, ...] = ()
    val_loss: tuple[float, ...] = field(default=())
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.val_loss)

    @property
    def best_epoch(self) -> int:
        """Epoch (from 1) with the lowest validation loss, the first of equals; 0 before any."""
        if not self.val_loss:
            return 0
        return self.val_loss.index(min(self.val_loss)) + 1

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> History:
        """Return a history that :func:`dataclasses.asdict` turned into JSON values.

        Raises
        ------
        KeyError
            If a part is missing.
        """
        return cls(tuple(content["loss"]), tuple(content["val_loss"]), content["seconds"])

    def losses(self) -> str:
        """Say the last validation loss and the best; "" before any."""
        if not self.val_loss:
            return ""
        return (
            f"validation loss {self.val_loss[-1]:.4f}, "
            f"best {min(self.val_loss):.4f} (epoch {self.best_epoch})"
        )

    def after(self, loss: float, val_loss: float, seconds: float) -> History:
        """Return the history with one more epoch."""
        return History(
            (*self.loss, loss), (*self.val_loss, val_loss), round(self.seconds + seconds, 3)
        )


def checkpoint_folder(output: Path, name: str) -> Path:
    """Return the folder in which a network's training keeps its checkpoints."""
    return output / f".{name}-checkpoint"


def read_progress(output: Path, name: str) -> History:
    """Return how far a training run is that another process does; empty where unknown."""
    try:
        text = (checkpoint_folder(output, name) / "history.json").read_text()
        return History.from_json(json.loads(text)["history"])
    except (OSError, ValueError, KeyError):
        return History()


class Checkpoint:
    """The folder of a run in progress: the latest and the best network, and the history.

    ``history.json`` is replaced last and names the epochs whose networks count, so a run
    killed at any moment leaves the previous epoch whole.

    Parameters
    ----------
    folder : Path
        Made when the first epoch is saved.
    settings : mapping
        What the run depends on; a checkpoint of other settings is not continued.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        # Through JSON, so that it compares equal to what is read back.
        self._settings = json.loads(json.dumps(settings))

    def read(self, *, force: bool = False) -> History:
        """Return the history of the interrupted run, empty where there is none.

        Parameters
        ----------
        force : bool
            Whether to discard a checkpoint of other settings.

        Raises
        ------
        OutputError
            If the folder holds a run with other settings, or is damaged.
        """
        path = self.folder / "history.json"
        if not path.exists():
            return History()
        try:
            content = json.loads(path.read_text())
            settings = content["settings"]
            history = History.from_json(content["history"])
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"{path} is damaged; remove {self.folder} to start again") from error
        if settings != self._settings:
            if force:
                self.remove()
                return History()
            raise OutputError(
                f"{self.folder} holds an interrupted run with other settings "
                f"({_difference(settings, self._settings)}); finish that one, or use --force "
                "to start again"
            )
        return history

    def network(self, epoch: int) -> Path:
        """Return the file of the network after ``epoch``."""
        return self.folder / f"epoch-{epoch:04d}.keras"

    def save(self, model: keras.Model, history: History) -> None:
        """Save the network after the last epoch of ``history``.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        epoch = len(history)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            model.save(self.network(epoch))
            content = {"settings": self._settings, "history": asdict(history)}
            with aside(self.folder / "history.json") as temporary:
                temporary.write_text(json.dumps(content))
        except OSError as error:
            raise OutputError(f"cannot write the checkpoint {self.folder}: {error}") from error
        kept = {self.network(epoch), self.network(history.best_epoch)}
        for path in self.folder.glob("epoch-*.keras"):
            if path not in kept:
                path.unlink()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say in which settings two runs differ."""
    keys = [key for key in wanted if found.get(key) != wanted[key]]
    plain = (str, int, float)
    return ", ".join(
        f"{key} {found.get(key)!r}, now {wanted[key]!r}" if isinstance(wanted[key], plain) else key
        for key in keys
    )
