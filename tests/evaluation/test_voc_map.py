from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import collect_ground_truth
from gluon_ssd.evaluation.voc_map import evaluate_voc
from tests.evaluation.builders import annotation, detections, random_set

CLASSES = ("ant", "bee", "cat", "dog", "eel")


def gluoncv_values(found, truth, classes, year):
    import gluon_ssd.compat  # noqa: F401, I001  GluonCV imports MXNet, which needs this first
    from gluoncv.utils.metrics.voc_detection import VOC07MApMetric, VOCMApMetric

    metric = (VOC07MApMetric if year == 2007 else VOCMApMetric)(0.5, classes)
    for image in range(found.num_images):
        mine, theirs = found.image_index == image, truth.image_index == image
        metric.update(
            found.input_boxes_px[mine][None],
            found.labels[mine][None],
            found.scores[mine][None],
            truth.boxes_px[theirs][None],
            truth.labels[theirs][None],
            truth.difficult[theirs][None],
        )
    return metric.get()[1]


@pytest.mark.parametrize("year", [2007, 2012])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_equals_gluoncv_on_random_sets(seed, ties, year):
    found, truth = random_set(seed, ties=ties)
    result = evaluate_voc(found, truth, CLASSES, year=year)
    expected = gluoncv_values(found, truth, CLASSES, year)
    np.testing.assert_allclose(list(result.class_scores.values()), expected[:-1], atol=1e-12)
    assert result.score == pytest.approx(expected[-1], abs=1e-12)
    assert 0.01 < result.score < 0.99


def test_perfect_detections_score_one():
    _, truth = random_set(3)
    rows = [
        (image, label, 0.9, *box)
        for image, label, box in zip(truth.image_index, truth.labels, truth.boxes_px, strict=True)
    ]
    assert evaluate_voc(detections(rows, 12), truth, CLASSES).score == pytest.approx(1.0)


def test_counted_by_hand():
    # Three of class ant. By score: hit, miss, hit, repeat. Recall 1/3, 1/3, 2/3, 2/3; precision
    # 1, 1/2, 2/3, 1/2. Eleven points: recalls 0-0.3 give 1, 0.4-0.6 give 2/3, the rest 0.
    truth = collect_ground_truth(
        [annotation([[0, 0, 9, 9], [50, 50, 69, 69]], [0, 0]), annotation([[0, 0, 9, 9]], [0])]
    )
    rows = [
        (0, 0, 0.9, 0, 0, 9, 9),
        (0, 0, 0.8, 20, 20, 29, 29),
        (0, 0, 0.7, 50, 50, 69, 69),
        (0, 0, 0.6, 50, 50, 69, 68),
    ]
    found = detections(rows, 2)
    seven = evaluate_voc(found, truth, ("ant",))
    twelve = evaluate_voc(found, truth, ("ant",), year=2012)
    assert seven.score == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)
    assert twelve.score == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    assert seven.lines == [("ant", "0.5455"), ("mAP", "0.5455")]


def test_one_pixel_is_added_before_the_overlap():
    # 10x10 against 10x5 pixels inclusive: exactly one half. Without the added pixel it is 4/9.
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    found = detections([(0, 0, 0.9, 0, 0, 9, 4)], 1)
    assert evaluate_voc(found, truth, ("ant",)).score == pytest.approx(1.0)
    assert evaluate_voc(found, truth, ("ant",), iou_threshold=0.51).score == 0.0


def test_coordinates_choose_where_boxes_are_compared():
    # At 100 pixels the boxes overlap by 0.5 thanks to the added pixel; at 300 they no longer do.
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    found = detections([(0, 0, 0.9, 0, 0, 9, 4)], 1, input_size_hw=(300, 300))
    assert evaluate_voc(found, truth, ("ant",), coordinates="input").score == 0.0
    assert evaluate_voc(found, truth, ("ant",), coordinates="original").score > 0.99


def test_difficult_is_neither_asked_for_nor_wrong():
    truth = collect_ground_truth([annotation([[0, 0, 9, 9], [50, 50, 69, 69]], [0, 0], [1, 0])])
    rows = [(0, 0, 0.9, 0, 0, 9, 9), (0, 0, 0.5, 50, 50, 69, 69)]
    assert evaluate_voc(detections(rows, 1), truth, ("ant",)).score == pytest.approx(1.0)


def test_class_without_ground_truth_is_left_out_of_the_mean():
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    found = detections([(0, 0, 0.9, 0, 0, 9, 9), (0, 1, 0.9, 0, 0, 9, 9)], 1)
    result = evaluate_voc(found, truth, ("ant", "bee"))
    assert result.lines == [("ant", "1.0000"), ("bee", "nan"), ("mAP", "1.0000")]


def test_no_detections_scores_zero_and_no_truth_scores_nan():
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    nothing = collect_ground_truth([annotation([], [])])
    assert evaluate_voc(detections([], 1), truth, ("ant",)).score == 0.0
    assert np.isnan(evaluate_voc(detections([], 1), nothing, ("ant",)).score)
    all_difficult = collect_ground_truth([annotation([[0, 0, 9, 9]], [0], [True])])
    assert np.isnan(evaluate_voc(detections([], 1), all_difficult, ("ant",)).score)


def test_network_of_other_classes_is_refused():
    truth = collect_ground_truth([annotation([[0, 0, 9, 9]], [0])])
    with pytest.raises(DataError, match="class number 7, but the data set has 2 classes"):
        evaluate_voc(detections([(0, 7, 0.9, 0, 0, 9, 9)], 1), truth, ("ant", "bee"))


# ---- by hand: two objects of one class, at (0, 0, 9, 9) and (20, 0, 29, 9), unless said otherwise

LEFT, RIGHT, MISS = (0, 0, 9, 9), (20, 0, 29, 9), (50, 50, 59, 59)
TWO = [annotation([LEFT, RIGHT], [0, 0])]


def scores_of(rows: list, annotations: list = TWO) -> tuple[float, float]:
    """The 2007 and the 2012 score of detections (score, box) or (image, score, box)."""
    truth = collect_ground_truth(annotations)
    rows = [(0, *row) if len(row) == 2 else row for row in rows]
    found = detections([(image, 0, score, *box) for image, score, box in rows], len(annotations))
    first, second = (evaluate_voc(found, truth, ("ant",), year=year) for year in (2007, 2012))
    return first.score, second.score


@pytest.mark.parametrize(
    ("rows", "eleven_points", "area"),
    [
        ([(0.9, LEFT)], 6 / 11, 1 / 2),
        ([(0.9, LEFT), (0.8, RIGHT)], 1, 1),
        ([(0.9, MISS), (0.8, LEFT)], 3 / 11, 1 / 4),
        ([(0.9, LEFT), (0.8, MISS), (0.7, RIGHT)], (6 + 5 * 2 / 3) / 11, 1 / 2 + 1 / 3),
        ([(0.9, LEFT), (0.8, LEFT), (0.7, RIGHT)], (6 + 5 * 2 / 3) / 11, 1 / 2 + 1 / 3),
        ([(0.7, LEFT), (0.8, MISS), (0.9, RIGHT)], (6 + 5 * 2 / 3) / 11, 1 / 2 + 1 / 3),
        ([(0.9, MISS), (0.8, LEFT), (0.7, RIGHT)], 2 / 3, 2 / 3),
        ([(0.9, MISS)], 0, 0),
    ],
    ids="one both late miss repeat rising envelope none".split(),
)
def test_scores_by_hand(rows: list, eleven_points: float, area: float) -> None:
    assert scores_of(rows) == pytest.approx((eleven_points, area))


def test_the_better_of_two_detections_of_an_object_is_the_hit() -> None:
    # A repeat is wrong even if it fits better.
    loose = (0, 0, 9, 7)
    assert scores_of([(0.9, loose), (0.8, LEFT)])[1] == pytest.approx(1 / 2)
    assert scores_of([(0.8, LEFT), (0.9, loose)])[1] == pytest.approx(1 / 2)


def test_a_detection_belongs_to_the_object_it_overlaps_most() -> None:
    near = [annotation([(0, 0, 9, 9), (0, 0, 9, 7)], [0, 0])]
    # Both fit the first best, so that the second of them is a repeat.
    rows = [(0.9, (0, 0, 9, 9)), (0.8, (0, 0, 9, 10))]
    assert scores_of(rows, near)[1] == pytest.approx(1 / 2)
    rows = [(0.9, (0, 0, 9, 9)), (0.8, (0, 0, 9, 6))]
    assert scores_of(rows, near)[1] == pytest.approx(1)


def test_equal_overlaps_go_to_the_first_object() -> None:
    twins = annotation([LEFT, LEFT], [0, 0], [True, False])
    assert scores_of([(0.9, LEFT)], [twins]) == (0, 0)
    twins = annotation([LEFT, LEFT], [0, 0], [False, True])
    assert scores_of([(0.9, LEFT)], [twins]) == pytest.approx((1, 1))


def test_objects_of_another_image_do_not_count() -> None:
    three = [annotation([LEFT], [0]), annotation([], []), annotation([RIGHT], [0])]
    assert scores_of([(0, 0.9, LEFT), (2, 0.8, RIGHT)], three) == pytest.approx((1, 1))
    assert scores_of([(0, 0.9, RIGHT), (1, 0.8, LEFT), (2, 0.7, LEFT)], three) == (0, 0)


def test_a_repeat_of_a_difficult_object_is_not_wrong_either() -> None:
    truth = [annotation([LEFT, RIGHT], [0, 0], [True, False])]
    rows = [(0.9, LEFT), (0.8, LEFT), (0.7, RIGHT)]
    assert scores_of(rows, truth) == pytest.approx((1, 1))


def test_touching_is_no_overlap() -> None:
    touching = evaluate_voc(
        detections([(0, 0, 0.9, 10, 0, 19, 9)], 1),
        collect_ground_truth(TWO),
        ("ant",),
        iou_threshold=1e-9,
    )
    assert touching.score == 0


def test_a_box_without_area_is_a_miss() -> None:
    # With the added pixel (5, 5, 4, 4) has none.
    assert scores_of([(0.9, (5, 5, 4, 4)), (0.8, LEFT)])[1] == pytest.approx(1 / 4)
    assert scores_of([(0.9, (5, 5, 4, 4))], [annotation([(5, 5, 4, 4)], [0])]) == (0, 0)


def test_the_mean_is_that_of_the_classes() -> None:
    truth = collect_ground_truth([annotation([LEFT, RIGHT, MISS], [0, 1, 2])])
    found = detections([(0, 0, 0.9, *LEFT), (0, 1, 0.9, *RIGHT), (0, 2, 0.9, *LEFT)], 1)
    result = evaluate_voc(found, truth, ("ant", "bee", "cat"))
    assert result.class_scores == pytest.approx({"ant": 1, "bee": 1, "cat": 0})
    assert result.score == pytest.approx(2 / 3)
