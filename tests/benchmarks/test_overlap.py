from __future__ import annotations

import pytest

from gluon_ssd.benchmarks import overlap
from gluon_ssd.benchmarks.overlap import overlap_facts, overlap_rows
from gluon_ssd.options.benchmark_load import OverlapBenchmark
from tests.commands.builders import FixedModel
from tests.entry_builders import voc_set


def test_evaluation_is_compared_with_the_slower_part_of_each_round() -> None:
    wall = {"network": [0.010, 0.020], "reading": [0.004, 0.040], "evaluation": [0.011, 0.042]}
    facts = overlap_facts(wall, {"network": [0.016, 0.016], "reading": 0.005}, 2)
    assert facts["of the slower part's"] == pytest.approx((1.1 + 1.05) / 2)
    assert facts["network, ms"] == pytest.approx(15)
    assert facts["at best"] == 1.0  # there is time for both


def test_two_cores_cannot_do_more_than_the_work_of_two() -> None:
    wall = {"network": [0.010], "reading": [0.005], "evaluation": [0.013]}
    facts = overlap_facts(wall, {"network": [0.018], "reading": 0.006}, 2)
    assert facts["at best"] == pytest.approx(1.2)


def test_a_data_set_is_read_and_scored(tmp_path, monkeypatch) -> None:
    model = FixedModel([(0, 0.5, 1, 1, 9, 9)] * 3)
    asked = {}

    def load(path, **options):
        asked.update(options)
        return model

    monkeypatch.setattr(overlap, "load_detector", load)
    monkeypatch.setattr(overlap, "evaluation_set", lambda given, model: given_set)
    from gluon_ssd.data.dataset import Selection
    from gluon_ssd.data.sources.catalog import open_dataset

    root = str(voc_set(tmp_path / "set"))
    given_set = open_dataset("custom", Selection(root, train=False, splits=""))
    options = OverlapBenchmark(
        model_prefix="m.onnx", dataset_root=root, batch_size=2, streams=1, num_workers=0, rounds=2
    )
    (row,) = overlap_rows(options)
    assert row["streams"] == 1 and row["of the slower part's"] > 0
    assert asked["streams"] == 1 and asked["backend"] == ""
