import dataclasses
import json

import numpy as np
import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.inference import metrics
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.options.shared import METRICS
from tests.data.builders import (
    coco_content,
    voc_object,
    voc_xml,
    write_coco,
    write_openimages,
    write_voc,
)


def found_exactly(box_px, label):
    """One sure detection in the second of two images of 60 by 80 pixels."""
    box = np.array([box_px], np.float32)
    return Detections(
        image_index=np.array([1]),
        labels=np.array([label]),
        scores=np.ones(1, np.float32),
        boxes_px=box,
        input_boxes_px=box,
        sizes_hw=np.array([[60, 80], [60, 80]]),
        input_size_hw=(60, 80),
    )


@pytest.fixture
def coco(tmp_path):
    record = {"image_id": 9, "bbox": [10, 5, 30, 20], "category_id": 7}
    write_coco(tmp_path, "val2017", coco_content((3, 9), [record], {7: "ant", 3: "bee"}))
    return open_dataset("custom", Selection(tmp_path, train=False))


@pytest.fixture
def voc(tmp_path):
    texts = {"a": voc_xml(), "b": voc_xml([voc_object("ant", (11, 6, 40, 25))])}
    write_voc(tmp_path, texts, {"val": ["a", "b"]})
    return open_dataset("custom", Selection(tmp_path, train=False))


def test_a_coco_set_is_scored_by_its_own_file_also_in_part(coco):
    assert (coco.classes, coco.coco_file.category_ids) == (("bee", "ant"), (3, 7))
    for dataset in (coco, coco.subset([0, 1])):
        outcome = make_score(dataset, "auto")(found_exactly((10, 5, 39, 24), 1))
        assert outcome.class_scores["ant"] == pytest.approx(1.0)
        assert outcome.lines[0][0].startswith("~~~~ Summary metrics")


def test_open_images_are_scored_by_corners_that_are_not_inclusive(tmp_path):
    # With the pixel that COCO's detections get, the IoU were 9/16, and the score 0.2.
    record = {"image_id": 2, "bbox": [10, 5, 3, 3], "category_id": 72}
    write_openimages(tmp_path, "validation", [record])
    dataset = open_dataset("openimages", Selection(tmp_path, train=False))
    outcome = make_score(dataset, "auto")(found_exactly((10, 5, 13, 8), 72))
    assert (outcome.score, outcome.class_scores["Dog"]) == pytest.approx((1.0, 1.0))


def test_a_voc_set_is_scored_by_either_metric_from_its_arrays(voc):
    assert voc.coco_file is None
    found = found_exactly((10, 5, 39, 24), 0)
    assert make_score(voc, "auto")(found).lines[-1] == ("mAP", "1.0000")
    assert make_score(voc, "coco")(found).score == pytest.approx(1.0)


def test_options_offer_exactly_the_metrics_that_there_are():
    assert METRICS == ("auto", *metrics.METRICS)


def test_the_two_voc_metrics_differ_where_recall_does(voc):
    """Half of the boxes found, all right: 6 of 11 points of 2007, half of the area of 2012."""
    both = voc.subset([1, 1])
    found = found_exactly((10, 5, 39, 24), 0)
    scores = [make_score(both, metric)(found).score for metric in ("voc07", "voc12")]
    assert scores == pytest.approx([6 / 11, 0.5])


@pytest.mark.parametrize("kind", ["coco", "voc"])
def test_the_truth_of_images_left_out_does_not_count(kind, request, caplog):
    dataset = request.getfixturevalue(kind)
    label = dataset.classes.index("ant")
    found = found_exactly((10, 5, 39, 24), label)
    nothing = dataclasses.replace(
        found,
        **{name: getattr(found, name)[:0] for name in ("image_index", "labels", "scores")},
        boxes_px=found.boxes_px[:0],
        input_boxes_px=found.input_boxes_px[:0],
    )
    score = make_score(dataset, "auto")
    assert score(found).class_scores["ant"] == pytest.approx(1.0)
    assert score(nothing).class_scores["ant"] == pytest.approx(0.0)
    assert caplog.messages == []
    # The only object is in the second image.
    without_first = dataclasses.replace(found, left_out=np.array([0]))
    assert score(without_first).class_scores["ant"] == pytest.approx(1.0)
    outcome = score(dataclasses.replace(nothing, left_out=np.array([1])))
    assert np.isnan(outcome.class_scores["ant"])
    assert caplog.messages == ["1 of 2 images could not be used and are left out of the score"] * 2


def test_results_of_pictures_without_annotations_are_kept(coco, tmp_path, monkeypatch):
    file = tmp_path / "annotations/instances_val2017.json"
    content = json.loads(file.read_text())
    del content["annotations"]
    (tmp_path / "annotations/image_info_test.json").write_text(json.dumps(content))
    (tmp_path / "val2017").rename(tmp_path / "test")
    test = open_dataset("custom", Selection(tmp_path, train=False, splits="test"))
    kept = []
    real = metrics.evaluate_coco

    def evaluate(*args, keep_json, **given):
        kept.append(keep_json)
        return real(*args, keep_json=keep_json, **given)

    monkeypatch.setattr(metrics, "evaluate_coco", evaluate)
    found = found_exactly((10, 5, 39, 24), 1)
    assert make_score(coco, "auto")(found).score == pytest.approx(1.0)
    outcome = make_score(test, "auto", save_prefix=str(tmp_path / "found"))(found)
    assert np.isnan(outcome.score) and kept == [False, True]
    (results,) = tmp_path.glob("found_eval_*.json")
    assert [row["image_id"] for row in json.loads(results.read_text())] == [9]
