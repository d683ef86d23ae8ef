"""Numbers that published detectors compute: the whole files of the shared folder, or a few of them.

The files of `shared/golden` hold every key. A clone without them still has the few numbers of
tests/golden/reference, which `collect.py` there takes out of them.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.layout_rules import ROOT

REFERENCE = Path(__file__).parent / "golden" / "reference"


def shared_golden() -> Path:
    """The folder of the whole files, there or not."""
    return Path(os.environ.get("SSD_SHARED_DIR") or ROOT.parent / "shared") / "golden"


class Golden(Mapping[str, np.ndarray]):
    """The arrays of a file by key; one that only the whole file has skips the test without it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with np.load(path, allow_pickle=False) as file:
            self._arrays = {key: file[key] for key in file.files}

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self._arrays and self.path.parent == REFERENCE:
            pytest.skip(f"{key} is only in {shared_golden() / self.path.name}, which is missing")
        return self._arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """What stands behind a prefix; skips the test where nothing does."""
        found = {k.removeprefix(prefix): v for k, v in self.items() if k.startswith(prefix)}
        return found or {"": self[prefix]}


@functools.cache
def golden(name: str) -> Golden:
    """The numbers of `<name>.npz`, all of them or the few."""
    whole = shared_golden() / f"{name}.npz"
    return Golden(whole if whole.is_file() else REFERENCE / whole.name)


def names_of(network: str) -> dict[str, Any]:
    """What `<network>_names.json` holds; skips the test where it is missing."""
    file = shared_golden() / f"{network}_names.json"
    if not file.is_file():
        pytest.skip(f"{file} is missing")
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found
