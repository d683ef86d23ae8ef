"""What a report is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from gluon_ssd.evaluation.analysis.analysis import Analysis
from gluon_ssd.evaluation.analysis.scores import Scores


@dataclass(frozen=True)
class Subject:
    """One detector on the data set.

    Attributes:
        name: what it is called.
        analysis: of what it found.
        scores: by the usual metrics.
    """

    name: str
    analysis: Analysis
    scores: Scores


@dataclass(frozen=True)
class Images:
    """The images of the data set.

    Attributes:
        paths: of each.
        read: pixels of one by its position, uint8 (H, W, 3), RGB, in which the boxes are; raises
            DataError for one that cannot be read.
    """

    paths: Sequence[str]
    read: Callable[[int], np.ndarray]

    def name(self, index: int) -> str:
        """The file's name without its folder."""
        return PurePath(self.paths[index]).name


@dataclass(frozen=True)
class Slow:
    """An image that takes long.

    Attributes:
        image: its position.
        read_ms: to read and prepare it.
        run_ms: for the network and the decoding, one image at a time.
    """

    image: int
    read_ms: float
    run_ms: float
