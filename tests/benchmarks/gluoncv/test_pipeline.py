"""GluonCV's training pipeline on a tiny data set of ours."""

from __future__ import annotations

import numpy as np

from gluon_ssd.benchmarks.data import measure_data_pipelines
from gluon_ssd.benchmarks.gluoncv.pipeline import LabelledImages, original_pipeline
from gluon_ssd.data.sources.voc import VocDataset


def test_the_original_pipeline_runs(tiny_voc):
    dataset = VocDataset(tiny_voc, splits=[("VOC2007", "trainval")]).subset(range(2))
    anchors = np.random.default_rng(0).uniform(10, 60, (30, 4)).astype(np.float32)
    pipeline = original_pipeline(dataset, anchors, (32, 48))
    result = measure_data_pipelines(lambda _: None, pipeline, num_images=2, rounds=1)
    assert result["original_ms"] > 0.2


def test_labels_stay_whatever_is_done_to_an_item(tiny_voc):
    images = LabelledImages(VocDataset(tiny_voc, splits=[("VOC2007", "trainval")]))
    image, label = images[0]
    assert image.shape[2] == 3 and label.dtype == np.float32 and label.shape[1] == 6
    before = label.tolist()
    label[:] = -1
    assert images[0][1].tolist() == before
