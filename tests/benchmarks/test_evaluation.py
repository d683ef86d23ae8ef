from __future__ import annotations

import time

import numpy as np
import pytest

from gluon_ssd.benchmarks.evaluation import compare_evaluations, original_evaluation
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples
from gluon_ssd.data.sources.voc import VocDataset
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.evaluation.detections import collect_ground_truth
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.voc_map import evaluate_voc


def test_evaluations_are_compared_in_turns():
    order = []

    def way(name, seconds, score):
        def evaluate():
            order.append(name)
            time.sleep(seconds)
            return score

        return evaluate

    result = compare_evaluations(
        way("original", 0.04, 0.63854), way("ours", 0.01, 0.6385), num_images=8, rounds=2
    )
    assert order == ["original", "ours"] * 2
    assert 0.15 < result.ratio < 0.6
    original, ours = result.rows()
    assert (original["way"], original["mAP"], original["x the time"]) == ("original", 0.6385, 1.0)
    assert ours["x the time"] == pytest.approx(result.ratio)
    assert ours["images/s"] == pytest.approx(8 / ours["seconds"])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # classes that eight images do not show
def test_original_way_gives_our_score(shared_dir):
    root = shared_dir / "data" / "voc-mini"
    dataset = VocDataset(root, splits=[("VOC2007", "test")]).subset(range(8))
    prefix = str(shared_dir / "weights" / "ssd_300_mobilenet0.75_voc")
    annotations = [dataset.annotation(i) for i in range(8)]
    labels = [
        np.column_stack([a.boxes_px, a.labels, a.difficult]).astype(np.float32) for a in annotations
    ]
    paths = [dataset.image_path(i) for i in range(8)]
    original = original_evaluation(
        paths, labels, dataset.classes, prefix=prefix, size=300, batch_size=4
    )
    loader = Loader(
        dataset,
        EvalSamples((300, 300)),
        batch_size=4,
        shuffle=False,
        seed=0,
        num_workers=0,
        last_batch="keep",
    )
    with loader:
        found = predict(
            load_deployed(prefix, input_size_hw=(300, 300)).run, loader.epoch(0), num_images=8
        )
    ours = evaluate_voc(found, collect_ground_truth(annotations), dataset.classes).score
    assert 0.3 < original < 1
    assert ours == pytest.approx(original, abs=1e-6)
