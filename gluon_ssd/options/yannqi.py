"""Reads the YAML files of yannqi's SSD-for-pytorch, for ``--config``.

`configs/SSD300.yaml` describes the network and `data/coco.yaml` the data set. What this project
decides by options becomes an option; everything else has to be what the network has, and a file
that says otherwise is refused.

| key | meaning here |
|---|---|
| figsize, min_dim | --data-shape |
| NAME, DATASET_PATH | --dataset, --dataset-root |
| feat_size, steps, scales, aspect_ratios | default boxes of the network; scales are pairs |
| MEAN, STD, NUM_CLASSES | normalisation and classes with background |
| MEANS | read by nobody there either |
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gluon_ssd.errors import OptionError
from gluon_ssd.system.yaml_text import read_yaml_file

NETWORK = "ssd300_yannqi"
"""The network that the files describe, unless another one is named."""

_DATASETS = {"COCO": "coco"}


def _pairs(scales: Any) -> list[list[float]]:
    return [list(pair) for pair in zip(scales, scales[1:], strict=False)]


_CLAIMS: Mapping[str, Callable[[Any], Any]] = {
    "feat_size": lambda network: list(network.cells),
    "steps": lambda network: list(network.steps),
    "scales": lambda network: _pairs(network.scales),
    "aspect_ratios": lambda network: [list(ratios) for ratios in network.ratios],
    "MEAN": lambda network: list(network.mean),
    "STD": lambda network: list(network.std),
    "NUM_CLASSES": lambda network: len(network.classes) + 1 if network.classes else None,
}
"""Key -> what a network's spec says of it."""

_OPTIONS: Mapping[str, str] = {
    "figsize": "data_shape",
    "min_dim": "data_shape",
    "NAME": "dataset",
    "DATASET_PATH": "dataset_root",
}
_UNUSED = ("MEANS",)


@dataclass(frozen=True)
class YannqiConfig:
    """What a file holds.

    Attributes:
        path: of the file, for messages.
        values: every key that is not unused.
    """

    path: str
    values: Mapping[str, Any]

    def options(self, known: Iterable[str]) -> dict[str, Any]:
        """Option name -> value, of those options that a command knows."""
        found: dict[str, Any] = {"network": NETWORK}
        for key, name in _OPTIONS.items():
            if key in self.values:
                found[name] = self._option(key)
        names = set(known)
        return {name: value for name, value in found.items() if name in names}

    def _option(self, key: str) -> Any:
        value = self.values[key]
        if _OPTIONS[key] == "data_shape":
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise OptionError(
                    f"{self.path}: {key} must be a side in pixels; got {_text(value)}"
                )
            return value
        if not isinstance(value, str) or not value:
            raise OptionError(f"{self.path}: {key} must be text; got {_text(value)}")
        if key != "NAME":
            return os.path.expanduser(value)
        if value not in _DATASETS:
            raise OptionError(
                f"{self.path}: NAME must be one of {', '.join(_DATASETS)}; got {value!r}"
            )
        return _DATASETS[value]

    def check(self, network: Any) -> None:
        """Compare the file with the spec of the chosen network; None has nothing to compare.

        Raises:
            OptionError: naming the key and both values.
        """
        if network is None:
            return
        for key, of_network in _CLAIMS.items():
            if key not in self.values:
                continue
            try:
                own = of_network(network)
            except AttributeError:
                raise OptionError(
                    f"{self.path}: {key} describes {NETWORK}; {network.name} has no such default "
                    "boxes: leave the file or the network out"
                ) from None
            if own is not None and not _same(self.values[key], own):
                raise OptionError(
                    f"{self.path}: {key} is {_text(self.values[key])} and {network.name} has "
                    f"{_text(own)}; a network is what it was published as: mend the file or choose "
                    "another network",
                    settings=("network",),
                )
        self._check_side(network)

    def _check_side(self, network: Any) -> None:
        for key in ("figsize", "min_dim"):
            side = self.values.get(key)
            if side is not None and not network.any_size and side != network.input_size_hw[0]:
                raise OptionError(
                    f"{self.path}: {key} is {side} and {network.name} takes "
                    f"{network.input_size_hw[0]}",
                    settings=("data_shape",),
                )


def read_yaml(path: str) -> YannqiConfig:
    """Read one of the two files.

    Raises:
        OptionError: it cannot be read, is no such file, or has a key that is not listed above.
        EnvironmentProblem: PyYAML is missing.
    """
    values = read_yaml_file(path, "options in", error=OptionError)
    known = (*_OPTIONS, *_CLAIMS, *_UNUSED)
    if not isinstance(values, dict) or not values:
        raise OptionError(f"{path} must hold keys and values, such as {', '.join(known[:3])}")
    for key in values:
        if key not in known:
            raise OptionError(f"{path}: unknown key {_text(key)}; allowed: {', '.join(known)}")
    return YannqiConfig(path, {k: v for k, v in values.items() if k not in _UNUSED})


def _same(found: Any, own: Any) -> bool:
    if isinstance(own, list):
        return (
            isinstance(found, list)
            and len(found) == len(own)
            and all(_same(a, b) for a, b in zip(found, own, strict=True))
        )
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and abs(found - own) <= 1e-6 * max(1.0, abs(own))


_SHORT = reprlib.Repr()
_SHORT.maxlist, _SHORT.maxlevel, _SHORT.maxstring = 8, 2, 80


def _text(value: Any) -> str:
    """A value for a message: a file may hold anything, of any size."""
    return _SHORT.repr(value)
