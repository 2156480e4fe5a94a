"""Turn the published PyTorch weights of DeepSEA, Beluga and Basset into an ONNX file.

    pip install torch onnxscript
    python examples/export_pytorch.py beluga deepsea.beluga.pth -o beluga.onnx
    neuroninterp analyze beluga.onnx --alphabet AGCT

The weights are those of Kipoi's model zoo; docs/published/ says which file is which. Such a file
holds named tensors and no architecture, which stands here, under the same names. Its widths are
read from the tensors, so that a network of the same design trained on other classes will do.

Weights are loaded as data. A file that holds more, as a whole pickled module does, runs code when
it is opened, and is opened only with --trust.

A network keeps the order of its channels, and the last line printed says which it is. The two
that Kipoi wraps, deepsea-predict and deepsea-variant-effects, re-order A, C, G, T to A, G, C, T
inside the file. After the export ONNX Runtime computes random sequences, more of them than the
exporter saw, and must agree with PyTorch.

Nothing of neuroninterp is imported: PyTorch may live in an environment of its own, beside onnx and
onnxruntime.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

NEEDS = "pip install torch onnxscript, and onnx onnxruntime where neuroninterp is not installed"
TOLERANCE = 1e-4
"""Largest difference between PyTorch and ONNX Runtime, of the largest output."""


def fail(message: str) -> NoReturn:
    """Say in one line what was wrong, and stop."""
    print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(2)


try:
    import numpy as np
    import onnxruntime
    import torch
    from torch import Tensor, nn
except ImportError as error:
    fail(f"the module {error.name!r} is not installed, which the export needs: {NEEDS}")

Weights = Mapping[str, Tensor]


class Threshold(nn.Module):
    """What is positive as it is, 1e-6 for the rest.

    As ``nn.Threshold(0, 1e-6)``, which the older exporter knows with a value of 0 alone.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute it element by element."""
        return torch.where(x > 0, x, 1e-6)


class BothStrands(nn.Module):
    """DeepSEA as Kipoi serves it: A, C, G, T in; both strands, averaged, where asked for."""

    def __init__(self, network: nn.Module, *, average: bool) -> None:
        super().__init__()
        self.network, self.average = network, average

    def forward(self, x: Tensor) -> Tensor:
        """Re-order the channels to A, G, C, T, and put the reverse complements behind."""
        x = torch.stack([x[:, channel] for channel in (0, 2, 1, 3)], dim=1)
        if not self.average:
            return self.network(x)
        # In the order A, G, C, T, too, the complement is the channel counted from the other end.
        both = self.network(torch.cat([x, x.flip(1, 3)], dim=0))
        half = both.shape[0] // 2
        return (both[:half] + both[half:]) / 2


def filters(weights: Weights, name: str) -> int:
    """Return the number of filters, units or classes of a layer."""
    return weights[f"{name}.weight"].shape[0]


def linear(weights: Weights, name: str) -> nn.Module:
    """Return a dense layer, one level deeper than its place, as the files have it."""
    classes, features = weights[f"{name}.1.weight"].shape
    return nn.Sequential(nn.Identity(), nn.Linear(features, classes))


def deepsea(weights: Weights) -> nn.Module:
    """Zhou & Troyanskaya 2015: 1,000 bp, three convolutions, 919 classes."""
    first, second, third = (filters(weights, name) for name in ("0", "4", "8"))
    return nn.Sequential(
        nn.Conv2d(4, first, (1, 8)),
        Threshold(),
        nn.MaxPool2d((1, 4)),
        nn.Dropout(0.2),
        nn.Conv2d(first, second, (1, 8)),
        Threshold(),
        nn.MaxPool2d((1, 4)),
        nn.Dropout(0.2),
        nn.Conv2d(second, third, (1, 8)),
        Threshold(),
        nn.Dropout(0.5),
        nn.Flatten(),
        linear(weights, "12"),
        Threshold(),
        linear(weights, "14"),
        nn.Sigmoid(),
    )


def beluga(weights: Weights) -> nn.Module:
    """Zhou et al. 2018 (ExPecto's DeepSEA): 2,000 bp, six convolutions, 2,002 classes."""
    stack: list[nn.Module] = []
    channels = 4
    for pair in (0, 6, 12):
        for place in (pair, pair + 2):
            width = filters(weights, f"model.0.{place}")
            stack += [nn.Conv2d(channels, width, (1, 8)), nn.ReLU()]
            channels = width
        if pair < 12:
            stack += [nn.Dropout(0.2), nn.MaxPool2d((1, 4))]
    dense = nn.Sequential(
        nn.Dropout(0.5),
        nn.Flatten(),
        linear(weights, "model.1.2"),
        nn.ReLU(),
        linear(weights, "model.1.4"),
    )
    model = nn.Sequential(nn.Sequential(*stack), dense, nn.Sigmoid())
    return nn.Sequential(OrderedDict(model=model))


def basset(weights: Weights) -> nn.Module:
    """Kelley et al. 2016: 600 bp, three convolutions with batch norm, 164 classes."""
    stack: list[nn.Module] = []
    channels = 4
    for place, kernel, pool in ((0, 19, 3), (4, 11, 4), (8, 7, 4)):
        width = filters(weights, str(place))
        stack += [
            nn.Conv2d(channels, width, (kernel, 1)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d((pool, 1)),
        ]
        channels = width
    stack.append(nn.Flatten())
    for place in (13, 17):
        units = filters(weights, f"{place}.1")
        stack += [linear(weights, str(place)), nn.BatchNorm1d(units), nn.ReLU(), nn.Dropout(0.3)]
    return nn.Sequential(*stack, linear(weights, "21"), nn.Sigmoid())


@dataclass(frozen=True)
class Architecture:
    """A published network.

    Parameters
    ----------
    build : callable
        Makes it, as wide as the weights say, with the files' names.
    first : str
        Name of its first tensor; what stands before it in a file is a wrapper's.
    shape : tuple of int
        One sequence as it reads it.
    alphabet : str
        Base of each channel of the ONNX file.
    wrap : callable
        Puts around it what Kipoi puts around it.
    """

    build: Callable[[Weights], nn.Module]
    first: str
    shape: tuple[int, ...]
    alphabet: str
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network


ARCHITECTURES = {
    "deepsea": Architecture(deepsea, "0.weight", (4, 1, 1000), "AGCT"),
    "deepsea-predict": Architecture(
        deepsea, "0.weight", (4, 1, 1000), "ACGT", lambda m: BothStrands(m, average=True)
    ),
    "deepsea-variant-effects": Architecture(
        deepsea, "0.weight", (4, 1, 1000), "ACGT", lambda m: BothStrands(m, average=False)
    ),
    "beluga": Architecture(beluga, "model.0.0.weight", (4, 1, 2000), "AGCT"),
    "basset": Architecture(basset, "0.weight", (4, 600, 1), "ACGT"),
}


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says."""
    line, _, _ = str(error).partition("\n")
    return f"{type(error).__name__}: {line}"


def read_weights(path: Path, first: str, *, trust: bool) -> dict[str, Tensor]:
    """Read the tensors of a file, under the names that begin with ``first``."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}")
    if head.startswith(b"version https://git-lfs"):
        fail(f"{path} is a Git LFS pointer, not the weights: run 'git lfs pull' where it lies")
    if not head.startswith((b"PK", b"\x80")):
        fail(f"{path} is no file of torch.save: it starts with {head[:8]!r}")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        if trust:
            fail(f"cannot read {path}: {first_line(error)}")
        fail(
            f"{path} holds more than weights, and would run code when opened; where it was made, "
            "save them alone: torch.save(model.state_dict(), 'weights.pth'). If you trust the "
            "file: --trust"
        )
    except Exception as error:  # torch.load and a trusted pickle raise every kind
        fail(f"cannot read {path}: {first_line(error)}")
    if isinstance(loaded, nn.Module):
        loaded = loaded.state_dict()
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping) or not all(map(torch.is_tensor, loaded.values())):
        fail(f"{path} holds a {type(loaded).__name__}, not the named tensors of a network")
    names = list(loaded)
    prefix = names[0].removesuffix(first) if names and names[0].endswith(first) else None
    if prefix is None or not all(name.startswith(prefix) for name in names):
        shown = ", ".join(names[:3]) or "nothing"
        fail(f"{path} holds {shown} …, expected {first} …; is it of another architecture?")
    return {name.removeprefix(prefix): tensor for name, tensor in loaded.items()}


def restore(architecture: Architecture, weights: Weights, path: Path) -> nn.Module:
    """Build the network and give it its weights."""
    try:
        network = architecture.build(weights)
        network.load_state_dict(dict(weights))
    except KeyError as error:
        fail(f"{path} lacks {error.args[0]}; is it of another architecture?")
    except (RuntimeError, ValueError) as error:
        told = " ".join(str(error).split())
        fail(f"the weights of {path} are of another architecture: {told[:300]}")
    return architecture.wrap(network).eval()


def export(network: nn.Module, shape: tuple[int, ...], path: Path, exporter: str) -> None:
    """Write the network as ONNX, for any number of sequences."""
    example = (torch.zeros((2, *shape)),)
    names = {"input_names": ["dna"], "output_names": ["prediction"]}
    # The newer exporter names what is not installed and not needed either.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode():
        # The older exporter announces its end.
        warnings.simplefilter("ignore")
        if exporter == "torchscript":
            free = {"dna": {0: "batch"}, "prediction": {0: "batch"}}
            torch.onnx.export(network, example, path, dynamo=False, dynamic_axes=free, **names)
        else:
            batch = ({0: torch.export.Dim("batch")},)
            options = {"dynamic_shapes": batch, "external_data": False, "verbose": False}
            torch.onnx.export(network, example, path, dynamo=True, **options, **names)


def compare(network: nn.Module, shape: tuple[int, ...], path: Path) -> float:
    """Return how far ONNX Runtime is from PyTorch, of the largest output, on random sequences."""
    bases = np.random.default_rng(0).integers(0, 4, (5, np.prod(shape) // 4))
    one_hot = np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1).reshape(5, *shape)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"dna": one_hot})
    with torch.inference_mode():
        expected = network(torch.from_numpy(one_hot)).numpy()
    if found.shape != expected.shape:
        fail(f"{path} gives {found.shape} for {expected.shape}; try the other --exporter")
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main() -> None:
    """Read the weights, export, check, and say how to go on."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("architecture", choices=ARCHITECTURES)
    parser.add_argument("weights", type=Path, help="File of named tensors (.pth).")
    parser.add_argument("-o", "--output", type=Path, required=True, help="ONNX file to write.")
    parser.add_argument(
        "--exporter",
        choices=("dynamo", "torchscript"),
        default="dynamo",
        help="PyTorch's newer exporter (needs onnxscript) or its older one.",
    )
    parser.add_argument(
        "--trust", action="store_true", help="Open a file that may run code. Only one of your own."
    )
    given = parser.parse_args()
    architecture = ARCHITECTURES[given.architecture]
    weights = read_weights(given.weights, architecture.first, trust=given.trust)
    network = restore(architecture, weights, given.weights)
    try:
        export(network, architecture.shape, given.output, given.exporter)
    except ImportError as error:
        fail(f"the module {error.name!r} is not installed, which this exporter needs: {NEEDS}")
    except OSError as error:
        fail(f"cannot write {given.output}: {error.strerror}")
    difference = compare(network, architecture.shape, given.output)
    if not difference <= TOLERANCE:
        given.output.unlink()
        fail(f"ONNX Runtime is {difference:.1g} off PyTorch; try the other --exporter")
    sizes = ", ".join(map(str, architecture.shape))
    print(f"{given.output}: input 'dna' (N, {sizes}), channels {', '.join(architecture.alphabet)}")
    print(f"PyTorch and ONNX Runtime differ by {difference:.1g} of the largest output; now:")
    order = "" if architecture.alphabet == "ACGT" else f" --alphabet {architecture.alphabet}"
    print(f"neuroninterp analyze {given.output}{order}")


if __name__ == "__main__":
    main()
