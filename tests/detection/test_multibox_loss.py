"""The multibox loss against two plain loops and against GluonCV's own block."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss

from gluoncv.loss import SSDMultiBoxLoss  # isort: skip  (needs the aliases set by compat)


def make_case(seed, num_images=3, num_anchors=40, num_classes=4, positives=(2, 0, 5), tied=False):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(num_images, num_anchors, num_classes + 1)).astype("float32") * 3
    if tied:
        logits = np.round(logits / 3)
    offsets = rng.normal(size=(num_images, num_anchors, 4)).astype("float32") * 2
    class_targets = np.zeros((num_images, num_anchors), "float32")
    box_targets = np.zeros_like(offsets)
    for image, count in enumerate(positives):
        chosen = rng.choice(num_anchors, count, replace=False)
        class_targets[image, chosen] = rng.integers(1, num_classes + 1, count)
        box_targets[image, chosen] = rng.normal(size=(count, 4)) * 2
    return logits, offsets, class_targets, box_targets


def loop_loss(logits, offsets, class_targets, box_targets, ratio=3.0):
    """Two plain loops: over images, then over anchors."""
    num_positive = max(1, int((class_targets > 0).sum()))
    class_loss, box_loss = np.zeros(len(logits)), np.zeros(len(logits))
    for image, targets in enumerate(class_targets):
        exponents = np.exp(logits[image].astype("float64"))
        probabilities = exponents / exponents.sum(axis=1, keepdims=True)
        entropy = [-np.log(probabilities[a, int(t)]) for a, t in enumerate(targets)]
        positive = [a for a, t in enumerate(targets) if t > 0]
        ranked = sorted((a for a, t in enumerate(targets) if t == 0), key=lambda a: -entropy[a])
        for anchor in positive + ranked[: int(np.ceil(ratio * len(positive)))]:
            class_loss[image] += entropy[anchor]
        for anchor in positive:
            error = np.abs(offsets[image, anchor] - box_targets[image, anchor])
            box_loss[image] += np.where(error > 1, error - 0.5, 0.5 * error**2).sum()
    return class_loss / num_positive, box_loss / num_positive


def with_gradients(case, loss):
    """Total, class and box loss, and the gradients of logits and offsets for the total."""
    arrays = [mx.nd.array(array) for array in case]
    for array in arrays[:2]:
        array.attach_grad()
    with mx.autograd.record():
        losses = loss(*arrays)
    mx.autograd.backward([losses[0]])
    return [x.asnumpy() for x in losses], [x.grad.asnumpy() for x in arrays[:2]]


def ours(case, **knobs):
    num_positive = int((case[2] > 0).sum())
    return with_gradients(
        case, lambda *arrays: with_total(multibox_loss(*arrays, num_positive, **knobs))
    )


def with_total(parts):
    assert list(parts) == ["CrossEntropy", "SmoothL1"]
    return sum(parts.values()), *parts.values()


def original(case):
    return with_gradients(case, lambda *a: [losses[0] for losses in SSDMultiBoxLoss()(*a)])


CASES = {
    "mixed": {},
    "one_image": {"num_images": 1, "positives": (3,)},
    "one_positive": {"positives": (0, 1, 0)},
    "more_negatives_wanted_than_there_are": {"positives": (30, 39, 40)},
    "two_classes": {"num_classes": 1},
    "ties": {"tied": True},
    "ties_everywhere": {"tied": True, "num_classes": 1, "positives": (1, 2, 3)},
    "many_anchors": {"num_anchors": 3000, "positives": (7, 60, 1)},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("seed", range(3))
def test_multibox_loss_equals_two_plain_loops(case, seed):
    case = make_case(seed, **case)
    (total, class_loss, box_loss), _ = ours(case)
    expected_class, expected_box = loop_loss(*case)
    np.testing.assert_allclose(class_loss, expected_class, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(box_loss, expected_box, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(total, expected_class + expected_box, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("seed", range(3))
def test_multibox_loss_equals_the_original(case, seed):
    case = make_case(seed, **case)
    for got, expected in zip(ours(case)[0], original(case)[0], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in CASES if "ties" not in name])
@pytest.mark.parametrize("seed", range(3))
def test_multibox_loss_has_the_gradients_of_the_original(name, seed):
    # With ties the original takes the order of a heap, which is an accident of its sort.
    case = make_case(seed, **CASES[name])
    for got, expected in zip(ours(case)[1], original(case)[1], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_multibox_loss_takes_tied_anchors_in_order():
    case = make_case(0, num_images=2, positives=(0, 0))
    case[0][:] = 0.5  # every anchor has the same loss, so only the order decides
    case[2][0, [5, 38]] = 1
    case[2][1, 0] = 1
    _, (gradient, _) = ours(case)
    used = [np.flatnonzero(rows.any(axis=-1)).tolist() for rows in gradient]
    assert used == [[0, 1, 2, 3, 4, 5, 6, 38], [0, 1, 2, 3]]


def test_multibox_loss_by_hand():
    # Two anchors, one positive, even odds: both count, ln 2 each; offsets off by 2 and 0.5.
    case = (
        np.zeros((1, 2, 2), "float32"),
        np.array([[[2, 0.5, 0, 0], [9, 9, 9, 9]]], "float32"),
        np.array([[1, 0]], "float32"),
        np.zeros((1, 2, 4), "float32"),
    )
    (total, class_loss, box_loss), _ = ours(case)
    np.testing.assert_allclose(class_loss, [2 * np.log(2)], rtol=1e-5)
    np.testing.assert_allclose(box_loss, [1.5 + 0.125], rtol=1e-6)
    np.testing.assert_allclose(total, class_loss + box_loss, rtol=1e-6)


def test_multibox_loss_without_positives_is_zero_with_zero_gradients():
    losses, gradients = ours(make_case(0, positives=(0, 0, 0)))
    for array in losses + gradients:
        assert (array == 0).all()


def test_multibox_loss_divides_by_the_global_count():
    # A second device holds as many positives again: everything halves.
    case = make_case(1)
    (total, _, _), _ = ours(case)
    (shared, _, _), _ = with_gradients(case, lambda *a: with_total(multibox_loss(*a, 14)))
    np.testing.assert_allclose(shared, total / 2, rtol=1e-6)


@pytest.mark.parametrize("positives", [(2, 0, 5), (15, 1, 20)], ids=["few", "most"])
def test_ignored_anchors_take_no_part(positives):
    logits, offsets, class_targets, box_targets = make_case(4, positives=positives)
    ignored = np.random.default_rng(0).random(class_targets.shape) < 0.4
    class_targets[ignored & (class_targets == 0)] = -1
    logits[class_targets < 0] += 20  # the largest losses, if they counted
    case = logits, offsets, class_targets, box_targets
    (_, *found), gradients = ours(case)
    for loss, expected in zip(found, loop_loss(*case), strict=True):
        np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)
    assert all((gradient[class_targets < 0] == 0).all() for gradient in gradients)


@pytest.mark.parametrize("ratio", [0.0, 1.0, 2.5])
def test_multibox_loss_honours_the_ratio(ratio):
    case = make_case(2)
    (_, class_loss, _), _ = ours(case, negative_ratio=ratio)
    np.testing.assert_allclose(class_loss, loop_loss(*case, ratio=ratio)[0], rtol=1e-5)


def test_multibox_loss_of_a_broken_logit_is_not_finite():
    case = make_case(3)
    positive = np.argwhere(case[2] > 0)[0]
    case[0][tuple(positive)] = np.nan
    (total, _, _), _ = ours(case)
    assert not np.isfinite(total[positive[0]])


def test_class_weights_scale_the_cross_entropy_of_positives_alone():
    case = make_case(0)
    targets, weights = case[2].copy(), [3.0, 0.5, *[1.0] * (case[0].shape[2] - 3)]
    (_, plain, boxes), (slope, box_slope) = ours(case)
    (_, found, same_boxes), (found_slope, same_slope) = ours(case, class_weights=weights)
    np.testing.assert_array_equal(same_boxes, boxes)
    np.testing.assert_array_equal(same_slope, box_slope)
    factor = np.concatenate([[1.0], weights])[np.maximum(targets, 0).astype(int)]
    np.testing.assert_allclose(found_slope, slope * factor[..., None], rtol=1e-5, atol=1e-9)
    assert not np.allclose(found, plain)
    ones = [1.0] * (case[0].shape[2] - 1)
    np.testing.assert_array_equal(ours(case, class_weights=ones)[0][1], plain)
