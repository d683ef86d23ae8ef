from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from gluon_ssd.errors import DataError, EnvironmentProblem
from gluon_ssd.evaluation.coco_map import coco_results, coco_truth, evaluate_coco
from gluon_ssd.evaluation.detections import collect_ground_truth
from tests.evaluation.builders import annotation, detections, random_set

CLASSES = ("ant", "bee", "cat", "dog", "eel")
CATEGORY_IDS = (1, 4, 7, 8, 90)


def write_coco(path, truth, num_images):
    """A COCO annotation file of `truth.coco`, with sparse ids; image i has id 10 * i + 5."""
    content = {
        "images": [{"id": 10 * i + 5, "width": 100, "height": 100} for i in range(num_images)],
        "categories": [
            {"id": number, "name": name} for number, name in zip(CATEGORY_IDS, CLASSES, strict=True)
        ],
        "annotations": [
            {
                "id": row + 1,
                "image_id": int(10 * truth.image_index[row] + 5),
                "category_id": CATEGORY_IDS[truth.labels[row]],
                "bbox": numbers[:4].tolist(),
                "area": float(numbers[4]),
                "iscrowd": int(truth.crowd[row]),
            }
            for row, numbers in enumerate(truth.coco)
        ],
    }
    path.write_text(json.dumps(content))
    return [10 * i + 5 for i in range(num_images)]


def with_file_boxes(truth):
    """The same objects with the numbers of a file: areas of outlines, and none is difficult."""
    boxes = truth.boxes_px.astype(float)
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    rows = np.column_stack([boxes[:, :2], sides, 0.7 * sides.prod(axis=1)])
    return replace(truth, difficult=np.zeros_like(truth.difficult), coco=rows)


def by_pycocotools(annotation_file, result_file):
    """What pycocotools says when it is called the plain way. Returns (mean AP, summary)."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotation_file))
        evaluator = COCOeval(truth, truth.loadRes(str(result_file)), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
    with contextlib.redirect_stdout(io.StringIO()) as output:
        evaluator.summarize()
    return evaluator.stats[0], output.getvalue().strip()


@pytest.mark.parametrize("seed", range(3))
def test_equals_pycocotools_on_the_same_detections(seed, tmp_path, capsys):
    found, truth = random_set(seed, ties=False)
    truth = with_file_boxes(truth)
    image_ids = write_coco(tmp_path / "gt.json", truth, 12)
    coco = coco_truth(
        truth, found.sizes_hw, CLASSES, image_ids=image_ids, category_ids=CATEGORY_IDS
    )
    result = evaluate_coco(found, coco, CLASSES, save_prefix=str(tmp_path / "run"), keep_json=True)
    (dumped,) = tmp_path.glob("run_eval_*.json")
    expected, summary = by_pycocotools(tmp_path / "gt.json", dumped)
    assert result.score == pytest.approx(expected, abs=1e-15)
    assert 0.01 < result.score < 0.99
    assert result.lines[0] == ("~~~~ Summary metrics ~~~~\n", summary)
    assert [name for name, _ in result.lines[1:-1]] == list(CLASSES)
    assert result.lines[-1] == (
        "~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~\n",
        f"{100 * expected:.1f}",
    )
    assert result.lines[-2] == ("eel", "nan")  # never annotated
    assert capsys.readouterr().out == ""


def test_dumped_results_hold_strong_detections_in_original_pixels(tmp_path):
    rows = [(0, 1, 0.9, 10, 20, 29, 49), (0, 0, 0.04, 0, 0, 9, 9), (1, 2, 0.05, 1, 2, 3, 4)]
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0]), annotation([], [])])
    coco = coco_truth(
        truth, [(100, 100)] * 2, CLASSES, image_ids=(5, "b"), category_ids=CATEGORY_IDS
    )
    prefix = str(tmp_path / "new" / "run")
    evaluate_coco(detections(rows, 2), coco, CLASSES, save_prefix=prefix, keep_json=True)
    (dumped,) = (tmp_path / "new").glob("run_eval_*.json")
    first, second = json.loads(dumped.read_text())
    assert first["image_id"] == 5 and first["category_id"] == 4
    assert first["bbox"] == [10, 20, 20, 30]
    assert first["score"] == pytest.approx(0.9)
    assert second["image_id"] == "b" and second["category_id"] == 7


def test_corners_give_the_same_as_the_numbers_of_a_file():
    found, truth = random_set(5, ties=False)
    truth = with_file_boxes(truth)
    of_file = evaluate_coco(found, coco_truth(truth, found.sizes_hw, CLASSES), CLASSES)
    bare = coco_truth(replace(truth, coco=None), found.sizes_hw, CLASSES)
    of_corners = evaluate_coco(found, bare, CLASSES)
    assert of_corners.score == of_file.score
    np.testing.assert_equal(of_corners.class_scores, of_file.class_scores)


@pytest.mark.parametrize("flag", ["difficult", "crowd"])
def test_ignored_boxes_are_neither_asked_for_nor_wrong(flag):
    boxes = [[0, 0, 9, 9], [50, 50, 69, 69]]
    truth = collect_ground_truth([annotation(boxes, [0, 0], **{flag: [True, False]})])
    found = detections([(0, 0, 0.9, 0, 0, 9, 9), (0, 0, 0.5, 50, 50, 69, 69)], 1)
    coco = coco_truth(truth, found.sizes_hw, ("ant",))
    assert evaluate_coco(found, coco, ("ant",)).score == pytest.approx(1.0)


def test_no_detections_scores_zero_and_no_truth_scores_nan():
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    nothing = collect_ground_truth([annotation([], [])])
    found = detections([], 1)
    result = evaluate_coco(found, coco_truth(truth, found.sizes_hw, ("ant",)), ("ant",))
    assert result.score == 0.0
    assert result.lines[-1][1] == "0.0"
    empty = coco_truth(nothing, found.sizes_hw, ("ant",))
    assert np.isnan(evaluate_coco(found, empty, ("ant",)).score)


def test_json_is_removed_when_the_process_ends(tmp_path):
    program = f"""
import sys
sys.path[:0] = {[os.path.abspath(".")]!r}
from pathlib import Path
from tests.evaluation.builders import annotation, detections
from gluon_ssd.evaluation.coco_map import coco_truth, evaluate_coco
from gluon_ssd.evaluation.detections import collect_ground_truth
truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
found = detections([(0, 0, 0.9, 0, 0, 9, 9)], 1)
coco = coco_truth(truth, found.sizes_hw, ("ant",))
evaluate_coco(found, coco, ("ant",), save_prefix="run")
print(len(list(Path().glob("run_eval_*.json"))))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "1"
    assert list(tmp_path.iterdir()) == []


def test_dump_that_nobody_keeps_costs_no_score(tmp_path, caplog):
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    coco = coco_truth(truth, [(20, 20)], ("ant",))
    found = detections([(0, 0, 0.9, 0, 0, 9, 9)], 1)
    (tmp_path / "file").write_text("x")
    prefix = str(tmp_path / "file" / "run")
    assert evaluate_coco(found, coco, ("ant",), save_prefix=prefix).score == pytest.approx(1)
    (message,) = caplog.messages
    assert message.startswith("cannot ") and message.endswith("; the scores do not need it")
    with pytest.raises(EnvironmentProblem):
        evaluate_coco(found, coco, ("ant",), save_prefix=prefix, keep_json=True)


def test_arrays_become_coco_objects_with_inclusive_corners() -> None:
    truth = collect_ground_truth(
        [
            annotation([[2, 3, 5, 9]], [1]),
            annotation([[0, 0, 0, 0], [1, 1, 4, 2]], [0, 1], [False, True], [False, False]),
            annotation([[0, 0, 9, 9]], [0], [False], [True]),
        ]
    )
    coco = coco_truth(truth, np.array([(20, 30), (40, 50), (60, 70)]), ("ant", "bee"))
    assert (list(coco.image_ids), list(coco.category_ids)) == ([0, 1, 2], [1, 2])
    assert coco.api.dataset == {
        "images": [
            {"id": 0, "height": 20, "width": 30},
            {"id": 1, "height": 40, "width": 50},
            {"id": 2, "height": 60, "width": 70},
        ],
        "categories": [{"id": 1, "name": "ant"}, {"id": 2, "name": "bee"}],
        "annotations": [
            coco_object(1, 0, 2, [2, 3, 4, 7], 28, 0),
            coco_object(2, 1, 1, [0, 0, 1, 1], 1, 0),
            coco_object(3, 1, 2, [1, 1, 4, 2], 8, 1),
            coco_object(4, 2, 1, [0, 0, 10, 10], 100, 1),
        ],
    }


def coco_object(number, image, category, bbox, area, iscrowd):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": bbox,
        "area": area,
        "iscrowd": iscrowd,
    }


@pytest.mark.parametrize(
    ("score", "count"), [(0.0499, 0), (0.05, 1), (0.0501, 1), (1.0, 1)], ids=str
)
def test_detections_from_the_floor_on_are_handed_over(score: float, count: int) -> None:
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    found = detections([(0, 0, score, 1, 2, 3, 5)], 1)
    results = coco_results(found, coco_truth(truth, found.sizes_hw, ("ant",)))
    assert [result["bbox"] for result in results] == [[1, 2, 3, 4]] * count


def test_every_class_has_its_own_score() -> None:
    truth = collect_ground_truth(
        [annotation([[0, 0, 9, 9], [20, 20, 39, 39], [50, 50, 89, 89]], [0, 1, 2])]
    )
    rows = [(0, 0, 0.9, 0, 0, 9, 9), (0, 2, 0.8, 50, 50, 89, 69), (0, 1, 0.7, 60, 0, 69, 9)]
    found = detections(rows, 1)
    coco = coco_truth(truth, found.sizes_hw, ("ant", "bee", "cat", "dog"))
    result = evaluate_coco(found, coco, ("ant", "bee", "cat", "dog"))
    # IoU 1/2 reaches one of ten thresholds.
    assert result.class_scores == pytest.approx(
        {"ant": 1, "bee": 0, "cat": 0.1, "dog": np.nan}, nan_ok=True
    )
    assert result.score == pytest.approx(1.1 / 3)
    assert result.lines[1:] == [
        ("ant", "100.0"),
        ("bee", "0.0"),
        ("cat", "10.0"),
        ("dog", "nan"),
        ("~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~\n", "36.7"),
    ]


def test_category_ids_may_fall_and_repeat() -> None:
    """Ids of a file name classes in result files alone; classes without a category share -1."""
    truth = collect_ground_truth([annotation([[0, 0, 9, 9], [20, 20, 39, 39]], [0, 3])])
    found = detections([(0, 0, 0.9, 0, 0, 9, 9), (0, 3, 0.9, 20, 20, 39, 39)], 1)
    classes = ("ant", "bee", "cat", "dog")
    coco = coco_truth(truth, found.sizes_hw, classes, category_ids=(7, -1, -1, 3))
    assert [row["category_id"] for row in coco_results(found, coco)] == [7, 3]
    scores = evaluate_coco(found, coco, classes).class_scores
    expected = {"ant": 1, "bee": np.nan, "cat": np.nan, "dog": 1}
    assert scores == pytest.approx(expected, nan_ok=True)


def test_only_the_hundred_best_of_an_image_count() -> None:
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    wrong = [(0, 0, 0.9, 50, 50, 59, 59)] * 99
    right = [(0, 0, 0.5, 0, 0, 9, 9)]
    found = detections(wrong + right, 1)
    coco = coco_truth(truth, found.sizes_hw, ("ant",))
    assert evaluate_coco(found, coco, ("ant",)).score == pytest.approx(0.01)
    beyond = detections([*wrong, (0, 0, 0.9, 50, 50, 59, 59), *right], 1)
    assert evaluate_coco(beyond, coco, ("ant",)).score == 0


def test_small_and_large_objects_both_count() -> None:
    truth = collect_ground_truth([annotation([[0, 0, 9, 9], [0, 0, 99, 99]], [0, 0])])
    found = detections([(0, 0, 0.9, 0, 0, 99, 99)], 1)
    coco = coco_truth(truth, found.sizes_hw, ("ant",))
    # Recalls 0 to 0.5 are 51 of 101.
    assert evaluate_coco(found, coco, ("ant",)).score == pytest.approx(51 / 101)


def test_network_of_other_classes_is_refused() -> None:
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    found = detections([(0, 1, 0.9, 0, 0, 9, 9)], 1)
    coco = coco_truth(truth, found.sizes_hw, ("ant",))
    with pytest.raises(DataError, match="class number 1, but the data set has 1 classes"):
        evaluate_coco(found, coco, ("ant",))
