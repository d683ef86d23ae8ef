"""The focal loss against its definition in float64, recorded operators and the published code."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection import focal_loss as module
from gluon_ssd.detection.focal_loss import FocalSum, focal_loss
from gluon_ssd.detection.threshold_matching import ThresholdMatcher
from tests import golden_rule
from tests.detection.test_threshold_matching import FILE, anchors_of
from tests.golden_files import golden


def make_case(seed, images=3, anchors=50, classes=7, positives=(4, 0, 9)):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-2, 3, (images, anchors, classes)).astype("f")
    offsets = rng.normal(size=(images, anchors, 4)).astype("f")
    class_targets = np.zeros((images, anchors), "f")
    for image, count in enumerate(positives):
        chosen = rng.choice(anchors, count + 5, replace=False)
        class_targets[image, chosen[:count]] = rng.integers(1, classes + 1, count)
        class_targets[image, chosen[count:]] = -1
    box_targets = rng.normal(size=offsets.shape).astype("f") * (class_targets > 0)[..., None]
    return logits, offsets, class_targets, box_targets.astype("f")


def slow_loss(logits, offsets, class_targets, box_targets):
    """Focal and box loss of each image, and their gradients: the definition, one logit at a time.

    Both are divided by the positive anchors of the image, not by the images.
    """
    losses = np.zeros((len(logits), 2))
    slopes = np.zeros(logits.shape), np.zeros(offsets.shape)
    for image, targets in enumerate(class_targets.astype(int)):
        divisor = max(1, (targets > 0).sum())
        for anchor in np.flatnonzero(targets >= 0):
            for number, x in enumerate(logits[image, anchor].astype("d")):
                is_there = number + 1 == targets[anchor]
                x, sign, weight = (x, 1, 0.25) if is_there else (-x, -1, 0.75)
                p = 1 / (1 + np.exp(-x))  # of being right
                losses[image, 0] -= weight * (1 - p) ** 2 * np.log(p) / divisor
                slope = 2 * (1 - p) * p * (1 - p) * np.log(p) - (1 - p) ** 2 * (1 - p)
                slopes[0][image, anchor, number] = sign * weight * slope / divisor
        for anchor in np.flatnonzero(targets > 0):
            error = offsets[image, anchor].astype("d") - box_targets[image, anchor]
            losses[image, 1] += np.abs(error).sum() / divisor
            slopes[1][image, anchor] = np.sign(error) / divisor
    return losses, slopes


def run(case, num_images=1.0):
    """Losses (B, 2) and the gradients of logits and offsets, NumPy."""
    arrays = [mx.nd.array(array) for array in case]
    for array in arrays[:2]:
        array.attach_grad()
    with mx.autograd.record():
        parts = focal_loss(*arrays, num_images)
        total = parts["Focal"] + parts["L1"]
    total.backward()
    assert list(parts) == ["Focal", "L1"]
    losses = np.stack([part.asnumpy() for part in parts.values()], axis=1)
    return losses, [array.grad.asnumpy() for array in arrays[:2]]


@pytest.mark.parametrize("piece", [2**18, 64])
@pytest.mark.parametrize("seed", range(3))
def test_losses_and_gradients_are_those_of_the_definition(seed, piece, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", piece)
    case = make_case(seed)
    losses, slopes = run(case)
    expected, expected_slopes = slow_loss(*case)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    for found, wanted in zip(slopes, expected_slopes, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-9)


def test_the_number_of_images_divides_everything():
    case = make_case(0)
    losses, slopes = run(case)
    fewer, fewer_slopes = run(case, 4.0)
    np.testing.assert_allclose(fewer, losses / 4, rtol=1e-6)
    for found, whole in zip(fewer_slopes, slopes, strict=True):
        np.testing.assert_allclose(found, whole / 4, rtol=1e-6)


def test_nothing_to_find_still_teaches_the_background():
    case = make_case(1, positives=(0, 0, 0))
    losses, slopes = run(case)
    assert (losses[:, 0] > 0).all() and not losses[:, 1].any()
    background = case[2] == 0
    assert (slopes[0][background] > 0).all() and not slopes[0][~background].any()
    assert not slopes[1].any()


def test_one_anchor_and_one_class_are_enough():
    case = make_case(2, images=1, anchors=6, classes=1, positives=(1,))
    expected, _ = slow_loss(*case)
    np.testing.assert_allclose(run(case)[0], expected, rtol=1e-6)


def test_huge_logits_and_offsets_stay_finite_where_they_should():
    case = make_case(3)
    case[0][...] *= 1e4
    case[1][case[2] <= 0] = np.inf
    losses, slopes = run(case)
    assert np.isfinite(losses).all() and np.isfinite(slopes[0]).all()


def test_a_logit_that_is_not_a_number_shows_in_the_loss():
    case = make_case(4)
    anchor = int(np.flatnonzero(case[2][1] == 0)[0])
    case[0][1, anchor, 2] = np.nan
    losses, _ = run(case)
    assert np.isnan(losses[1, 0]) and np.isfinite(losses[[0, 2], 0]).all()


@pytest.mark.parametrize("target", [0, 1])
def test_loss_of_a_logit_is_the_published_one(target):
    numbers = golden(FILE).part("focal.")
    x = mx.nd.array(numbers["logits"].reshape(-1, 1, 1))
    x.attach_grad()
    with mx.autograd.record():
        losses = FocalSum()(x, mx.nd.full((len(x), 1), target))
    losses.backward()
    # The published code forms 1 - p, of which little is left where the answer is nearly right.
    found = losses.asnumpy(), x.grad.asnumpy().ravel()
    for values, key in zip(found, (f"loss.{target}", f"gradient.{target}"), strict=True):
        np.testing.assert_allclose(values, numbers[key], rtol=1e-5, atol=1e-8)


@pytest.fixture(scope="module")
def published_case():
    """Predictions and targets of the published loss at 256 px, two sets of boxes and none."""
    numbers = golden(FILE).part("loss.")
    anchors = anchors_of(256)
    matcher = ThresholdMatcher(anchors)
    nothing = np.zeros((0, 4), np.float32)
    targets = [
        matcher(numbers.get(f"boxes_px.{image}", nothing), numbers.get(f"labels.{image}", ()))
        for image in range(len(numbers["images"]))
    ]
    logits, offsets = golden_rule.retina_predictions("loss", 3, len(anchors), spread=0.5)
    classes, boxes = (np.stack(column) for column in zip(*targets, strict=True))
    return numbers, (logits, offsets, classes.astype("f"), boxes)


def test_targets_of_the_published_loss_are_met(published_case):
    numbers, (_, _, classes, _) = published_case
    for image in (0, 2):
        matched = {
            key: numbers[f"matched.{image}.{key}"] for key in ("foreground", "gt", "between")
        }
        labels = numbers[f"labels.{image}"][matched["gt"]]
        np.testing.assert_array_equal(np.flatnonzero(classes[image] > 0), matched["foreground"])
        np.testing.assert_array_equal(classes[image][classes[image] > 0] - 1, labels)
        np.testing.assert_array_equal(np.flatnonzero(classes[image] < 0), matched["between"])
    assert numbers["images"][1] == "background" and not classes[1].any()


def test_losses_and_gradients_are_the_published_ones(published_case):
    numbers, case = published_case
    losses, slopes = run(case, 3.0)
    published = [numbers["classification"], numbers["bbox_regression"]]
    np.testing.assert_allclose(losses.sum(axis=0), published, rtol=1e-6)
    np.testing.assert_allclose(3 * losses, numbers["per_image"], rtol=1e-6)
    for slope, key in zip(slopes, ("grad_cls_logits", "grad_bbox_regression"), strict=True):
        assert golden_rule.distance(slope, numbers, key) < 1e-5
        norms = np.sqrt(np.square(slope, dtype="d").sum(axis=(1, 2)))
        np.testing.assert_allclose(norms, numbers[f"{key}.norm"], rtol=1e-6)


def test_published_code_refuses_flat_boxes_too(published_case):
    numbers, _ = published_case
    assert str(numbers["flat_box.published"]) == "ValueError"
