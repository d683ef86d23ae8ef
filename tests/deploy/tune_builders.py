"""A tiny detector to search with, and measures that need no data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gluon_ssd.deploy.mxnet.export import export_detector
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.tuning.history import History
from gluon_ssd.deploy.tuning.mxnet_backend import mxnet_backend
from gluon_ssd.deploy.tuning.search import Outcome
from gluon_ssd.deploy.tuning.search import search as search_with
from gluon_ssd.deploy.tuning.search_backend import Measures
from gluon_ssd.deploy.tuning.trial import SearchSettings, Trial
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.families.build import build_network
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.record import ModelRecord

SIZE = 64
IMAGES = np.random.default_rng(1).normal(0, 1, (16, 3, SIZE, SIZE)).astype(np.float32)
SETTINGS = SearchSettings(
    strategy="basic",
    sampling_sizes=(8, 16),
    algorithms=("minmax",),
    per_channel=True,
    fp32_nodes=(),
    bf16=False,
    criterion="absolute",
    tolerable_loss=0.0,
    timeout_s=0,
    max_trials=3,
    go_on=False,
    objective="performance",
    seed=3,
)


def export_tiny(folder: Path) -> str:
    """Export a network of nine small convolutions and three classes; returns its prefix."""
    network = build_network("ssd_160_tiny_custom", classes=("ant", "bee", "cat"))
    initialize(network, seed=4)
    decoding = Decoding(nms_topk=40, post_nms=10)
    saved = ModelRecord(
        "ssd_160_tiny_custom", ("ant", "bee", "cat"), (SIZE, SIZE), decoding=decoding
    )
    export_detector(Detector(network, decoding), str(folder / "tiny"), fused=False, saved=saved)
    return str(folder / "tiny")


class Bench:
    """Scores models by how near their predictions are to fp32's, and notes what it was asked.

    Args:
        prefix: of the fp32 model.
        stop_at: raise the error at the check after so many models were scored.
    """

    def __init__(self, prefix: str, stop_at: int = 0, error: Exception | None = None) -> None:
        self._fp32 = load_deployed(prefix)
        self._stop_at, self._error = stop_at, error
        self.scored: list[float] = []
        self.reported: list[tuple[Trial, Trial | None]] = []

    def score(self, model) -> float:
        pairs = zip(model.run_heads(IMAGES), self._fp32.run_heads(IMAGES), strict=True)
        arrays = [(one.asnumpy(), other.asnumpy()) for one, other in pairs]
        error = max(float(np.abs(o - r).mean() / np.abs(r).mean()) for o, r in arrays)
        self.scored.append(1 - error)
        return 1 - error

    def check(self) -> None:
        if self._error is not None and len(self.scored) >= self._stop_at:
            raise self._error

    def measures(self) -> Measures:
        return Measures(self.score, lambda fp32, model: (10.0, 2.0 + len(self.scored)))

    def report(self, trial: Trial, best: Trial | None) -> None:
        self.reported.append((trial, best))


def search(prefix: str, folder: Path, settings: SearchSettings, bench: Bench) -> Outcome:
    """Search in a workspace below a folder; the result is out/best there."""
    history = History(folder / "workspace", settings.search_facts())
    with mxnet_backend(
        prepare_detector(prefix),
        str(folder / "out" / "best"),
        IMAGES,
        settings,
        bench.measures(),
        workspace=folder / "workspace",
    ) as backend:
        return search_with(
            backend, settings, history=history, check=bench.check, report=bench.report
        )
