"""Make what exports, calibrations and searches need: two sets of weights, and images.

    python -m scripts.reliability.output_models FOLDER

writes old.params, new.params and the data set `data`, whose truth is what the new weights find, so
that a search has an accuracy to keep.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.entry_builders import found_set, sure_weights

OLD, NEW = "old.params", "new.params"


def make(folder: Path) -> None:
    """Write them into a folder."""
    sure_weights(folder / OLD, seed=3)
    found_set(folder / "data", sure_weights(folder / NEW))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
