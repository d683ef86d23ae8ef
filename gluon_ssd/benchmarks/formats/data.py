"""The data set of the comparison of formats: images to time and calibrate with, and scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.commands.wiring.data import evaluation_set
from gluon_ssd.commands.wiring.loaders import model_loader
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.shared import DataOptions

Floats = NDArray[np.float32]


class RecordFacts(DetectorFacts):
    """What a record tells of a detector; see `DetectorFacts`."""

    def __init__(self, record: ModelRecord) -> None:
        self.record = record
        self.input_size_hw = record.input_size_hw
        self.num_classes = len(record.classes)


def first_images(data: DataOptions, facts: DetectorFacts, count: int) -> Floats:
    """The first images of a data set as a detector takes them, float32 (N, 3, H, W).

    Raises:
        DataError: the data set cannot be used, or is of other classes than the detector.
    """
    dataset = evaluation_set(data, facts)
    chosen = dataset.subset(range(min(count, len(dataset))))
    with model_loader(data, chosen, facts, len(chosen)) as loader:
        return np.concatenate([batch.arrays["image"].copy() for batch in loader.epoch(0)])


def noise(input_size_hw: tuple[int, int], count: int) -> Floats:
    """Values of the range of normalised pixels, float32 (count, 3, H, W), always the same."""
    rng = np.random.default_rng(0)
    return rng.uniform(-2, 2, (count, 3, *input_size_hw)).astype(np.float32)


def score(
    run: Callable[[Floats], Any],
    facts: DetectorFacts,
    data: Mapping[str, Any],
    *,
    metric: str,
    batch_size: int,
) -> float:
    """Mean average precision of a detector on a data set, a fraction.

    Args:
        run: as of `predict`.
        facts: its classes and its input.
        data: fields of `DataOptions`.
        metric: of `make_score`.
        batch_size: images a batch.

    Raises:
        DataError: the data set cannot be used, or is of other classes than the detector.
    """
    options = DataOptions(**data)
    dataset = evaluation_set(options, facts)
    with model_loader(options, dataset, facts, batch_size) as loader:
        found = predict(run, loader.epoch(0), num_images=len(dataset))
    return make_score(dataset, metric)(found).score
