"""The commands that replace a model by another one, and the files that belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.reliability.children import python
from tests.entry_builders import NETWORK, SMALL

TRIALS = """[calibration]
sampling_sizes = 2
[exit]
max_trials = 1
[strategy]
workspace = {}
"""


@dataclass(frozen=True)
class Place:
    """Where a command works.

    Attributes:
        weights: of the network.
        data: the data set.
        out: folder of the model that is written.
        workspace: folder of a search's history.
    """

    weights: Path
    data: Path
    out: Path
    workspace: Path


@dataclass(frozen=True)
class Kind:
    """A way to write a model.

    Attributes:
        files: names in the folder `out`, one model together.
        command: from the place to the command line.
        share: of the kills, relative to the others.
        is_same: the same command always writes the same bytes.
    """

    files: tuple[str, ...]
    command: Callable[[Place], list[str]]
    share: int
    is_same: bool = True

    @property
    def model(self) -> str:
        """What loads the model, in the folder `out`."""
        return self.files[0].removesuffix("-symbol.json")


def _pair(name: str) -> tuple[str, str]:
    return f"{name}-symbol.json", f"{name}-0000.params"


def _export(name: str, *options: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        network = ("--network", "mobilenet0.25", "--dataset", "custom")
        files = ("--pretrained", place.weights, "--output", place.out / name)
        return python("scripts/export_ssd.py", *network, *files, *options)

    return command


def _evaluation(place: Place, *options: object) -> list[str]:
    data = (*SMALL, "--dataset-root", place.data, "--batch-size", 2)
    return python("eval_ssd.py", *data, "--pretrained", place.weights, *options)


def _calibration(place: Place) -> list[str]:
    options = ("--calibration", "--num-calib-batches", 1, "--calib-output", place.out)
    return _evaluation(place, *options)


def _search(place: Place) -> list[str]:
    settings = place.workspace.with_name(f"{place.workspace.name}.ini")
    settings.write_text(TRIALS.format(place.workspace), "utf-8")
    options = ("--auto_tuning_config", settings, "--tuned-output", place.out / "tuned")
    return _evaluation(place, "--auto_tuning", *options)


KINDS = {
    "export": Kind(_pair("m"), _export("m"), 12),
    "export as it is": Kind(_pair("m"), _export("m", "--no-fuse"), 8),
    "export to OpenVINO": Kind(
        ("m.xml", "m.bin"), _export("m.xml", "--format", "openvino"), 8, is_same=False
    ),
    "calibration": Kind(_pair(f"{NETWORK}-quantized-naive"), _calibration, 12),
    "search": Kind(_pair("tuned"), _search, 10, is_same=False),
}


def shares(kills: int) -> dict[str, int]:
    """How many of `kills` each kind gets; they add up."""
    whole = sum(kind.share for kind in KINDS.values())
    counts = {name: kills * kind.share // whole for name, kind in KINDS.items()}
    for name in list(KINDS)[: kills - sum(counts.values())]:
        counts[name] += 1
    return counts
