"""The loss of each image by itself, against plain loops and against published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.boxes import center_to_corner, encode_boxes
from gluon_ssd.detection.mean_image_loss import mean_image_loss, positives_of_batch
from gluon_ssd.detection.multibox_loss import select_anchors
from tests.detection.published_ssd import SOURCES, boxes_named
from tests.detection.test_claim_matching import maker_of
from tests.detection.test_multibox_loss import CASES, make_case
from tests.golden_files import golden
from tests.golden_rule import (
    distance,
    many_positive_targets,
    ssd_loss_predictions,
)


def loop_loss(logits, offsets, class_targets, box_targets, *, doubles):
    """Each image, then each anchor, as the published code says it; both losses of every image."""
    class_loss, box_loss = np.zeros(len(logits)), np.zeros(len(logits))
    for image, targets in enumerate(class_targets):
        positive = [a for a, target in enumerate(targets) if target > 0]
        if not positive:
            continue
        exponents = np.exp(logits[image].astype(np.float64))
        log_probabilities = np.log(exponents / exponents.sum(axis=1, keepdims=True))
        entropy = [-log_probabilities[a, int(target)] for a, target in enumerate(targets)]
        # Positives take part in the ranking with a loss of 0.
        ranked = sorted(range(len(targets)), key=lambda a: 0 if targets[a] > 0 else -entropy[a])
        hard = ranked[: min(3 * len(positive), len(targets))]
        for anchor in positive + [a for a in hard if doubles or a not in positive]:
            class_loss[image] += entropy[anchor] / len(positive) / len(logits)
        for anchor in positive:
            error = np.abs(offsets[image, anchor] - box_targets[image, anchor])
            smooth = np.where(error > 1, error - 0.5, 0.5 * error**2).sum()
            box_loss[image] += smooth / len(positive) / len(logits)
    return class_loss, box_loss


def with_gradients(case, **options):
    """Class loss and box loss of every image; gradients of logits and offsets for their sum."""
    arrays = [mx.nd.array(array, dtype="float32") for array in case]
    for array in arrays[:2]:
        array.attach_grad()
    with mx.autograd.record():
        parts = mean_image_loss(*arrays, float(len(case[0])), **options)
        total = sum(parts.values())
    total.backward()
    assert list(parts) == ["CrossEntropy", "SmoothL1"]
    losses = [part.asnumpy() for part in parts.values()]
    return losses, [array.grad.asnumpy() for array in arrays[:2]]


@pytest.mark.parametrize("doubles", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("seed", range(2))
def test_it_equals_plain_loops(case, seed, doubles):
    case = make_case(seed, **case)
    found, _ = with_gradients(case, doubles_positives=doubles)
    for got, expected in zip(found, loop_loss(*case, doubles=doubles), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("doubles", [False, True])
def test_gradients_are_those_of_the_loss(doubles):
    case = make_case(4, num_anchors=12, positives=(2, 5, 0))
    _, gradients = with_gradients(case, doubles_positives=doubles)
    step = 1e-3
    for which, gradient in enumerate(gradients):
        for place in np.ndindex(case[which].shape):
            sums = []
            for sign in (1, -1):
                moved = [array.astype(np.float64) for array in case]
                moved[which][place] += sign * step
                sums.append(sum(part.sum() for part in loop_loss(*moved, doubles=doubles)))
            slope = (sums[0] - sums[1]) / (2 * step)
            assert gradient[place] == pytest.approx(slope, abs=2e-4)


def test_the_host_may_tell_how_many_positives_there_are_or_more():
    case = make_case(0)
    facts = positives_of_batch(case[2])
    assert facts == {"num_positive": 7.0}
    expected = with_gradients(case)
    for options in (facts, {"num_positive": 20.0}):
        found = with_gradients(case, **options)
        for got, wanted in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)


def test_images_without_boxes_are_0_and_count_in_the_mean():
    case = make_case(0, num_images=2, positives=(3, 0))
    (classes, boxes), gradients = with_gradients(case)
    assert classes[1] == boxes[1] == 0
    assert not any(gradient[1].any() for gradient in gradients)
    alone, _ = with_gradients([array[:1] for array in case])
    assert classes[0] == pytest.approx(alone[0][0] / 2, rel=1e-6)
    assert boxes[0] == pytest.approx(alone[1][0] / 2, rel=1e-6)


def test_a_batch_without_boxes_is_0():
    case = make_case(0, num_images=2, positives=(0, 0))
    losses, gradients = with_gradients(case)
    assert not any(array.any() for array in (*losses, *gradients))


def test_ignored_anchors_do_not_count():
    case = make_case(1, num_images=1, num_anchors=12, positives=(5,))
    ignored = case[2][0] == 0
    ignored[np.flatnonzero(ignored)[0]] = False  # one negative stays
    case[2][0, ignored] = -1
    (classes, _), (logits, _) = with_gradients(case)
    assert not logits[0, ignored].any()
    kept = [array[:, ~ignored] for array in case]
    assert classes[0] == pytest.approx(with_gradients(kept)[0][0][0], rel=1e-5)


# --- what the published code computes ------------------------------------------------------------


def published_case(numbers, name):
    """Predictions and targets of the golden losses, as the product has them."""
    maker, side = maker_of(name)
    loc, conf = ssd_loss_predictions(len(numbers["loss.images"]), maker.num_anchors)
    targets = []
    for which in numbers["loss.images"]:
        boxes, labels = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        if which != "background":
            boxes, labels = (numbers[f"encode.{which}.{key}_in"] for key in ("boxes", "labels"))
        targets.append(maker(boxes * np.float32(side), labels.astype(np.int32) - 1))
    classes, offsets = (np.stack(each) for each in zip(*targets, strict=True))
    return conf.transpose(0, 2, 1), loc.transpose(0, 2, 1), classes, offsets


@pytest.fixture(scope="module", params=SOURCES)
def published(request):
    """Golden numbers, the case they are of, its losses and gradients."""
    file, prefix, name = SOURCES[request.param]
    golden(file)[f"{prefix}loss.total"]  # skips where the whole file is missing
    numbers = golden(file).part(prefix)
    case = published_case(numbers, name)
    return numbers, case, *with_gradients(case)


def test_losses_are_the_published_ones(published):
    numbers, _, (classes, boxes), _ = published
    positive = np.maximum(numbers["loss.pos"], 1)
    scale = positive * len(positive)
    entropy = numbers["loss.ce_pos"] + numbers["loss.ce_neg"]
    np.testing.assert_allclose(classes * scale, entropy, rtol=1e-5)
    np.testing.assert_allclose(boxes * scale, numbers["loss.sl1"], rtol=1e-5)
    per_image = (classes + boxes) * len(positive)
    np.testing.assert_allclose(per_image, numbers["loss.per_image"], rtol=1e-5)
    assert (classes + boxes).sum() == pytest.approx(numbers["loss.total"], rel=1e-5)


def test_the_same_anchors_take_part_as_in_the_published_code(published):
    numbers, case, _, _ = published
    classes = mx.nd.array(case[2])
    rows, targets, counts = (
        array.asnumpy()
        for array in select_anchors(mx.nd.array(case[0]), classes, (case[2] > 0).sum(), 3.0)
    )
    counted = counts > 0
    for image in range(len(case[2])):
        mine = counted & (rows[0] == image)
        negatives = np.sort(rows[1][mine & (targets == 0)])
        np.testing.assert_array_equal(negatives, np.sort(numbers[f"loss.negatives.{image}"]))
        assert len(negatives) == numbers["loss.neg_count"][image]
        assert (mine & (targets > 0)).sum() == numbers["loss.pos"][image]


def test_gradients_are_the_published_ones(published):
    numbers, _, _, (logits, offsets) = published
    for key, gradient in (("loss.grad_conf", logits), ("loss.grad_loc", offsets)):
        assert distance(gradient.transpose(0, 2, 1), numbers, key) < 1e-5
        norms = np.sqrt((gradient.astype(np.float64) ** 2).sum(axis=(1, 2)))
        np.testing.assert_allclose(norms, numbers[f"{key}.norm"], rtol=1e-5)


def case_of_3000_positives():
    defaults = boxes_named("ssd300_resnet50_coco")
    boxes, labels = many_positive_targets(defaults)
    offsets = encode_boxes(center_to_corner(boxes), defaults)
    loc, conf = ssd_loss_predictions(1, len(defaults))
    return [conf.transpose(0, 2, 1), loc.transpose(0, 2, 1), labels[None], offsets[None]]


@pytest.mark.parametrize(
    ("file", "key", "doubles"),
    [
        ("nvidia_ssd300", "loss_many.total_2022", False),
        ("nvidia_ssd300", "loss_many.total_2020", True),
        ("mlperf_ssd_r34", "s300.loss_many.total", True),
        ("yannqi_ssd300", "loss_many.total", False),
    ],
)
def test_3000_positives_count_once_or_twice(file, key, doubles):
    total = golden(file)[key]
    losses, _ = with_gradients(case_of_3000_positives(), doubles_positives=doubles)
    assert sum(part.sum() for part in losses) == pytest.approx(total, rel=1e-5)


def test_the_parts_of_3000_positives_are_the_published_ones():
    numbers = golden("nvidia_ssd300").part("loss_many.")
    case = case_of_3000_positives()
    (classes, smooth), _ = with_gradients(case)
    count = numbers["pos"][0]
    assert count == (case[2] > 0).sum() == 3000
    assert case[2].size - count == numbers["neg_count"][0]
    assert smooth[0] * count == pytest.approx(numbers["sl1"][0], rel=1e-5)
    entropy = numbers["ce_pos"][0] + numbers["ce_neg"][0]
    assert classes[0] * count == pytest.approx(entropy, rel=1e-5)
    (classes, _), _ = with_gradients(case, doubles_positives=True)
    assert classes[0] * count == pytest.approx(entropy + numbers["ce_pos"][0], rel=1e-5)


def test_class_weights_scale_the_cross_entropy_of_positives_alone():
    case = make_case(0)
    weights = np.linspace(0.5, 2, case[0].shape[2] - 1).tolist()
    (_, boxes), (slope, _) = with_gradients(case)
    (_, same_boxes), (found, _) = with_gradients(case, class_weights=weights)
    np.testing.assert_array_equal(same_boxes, boxes)
    factor = np.concatenate([[1.0], weights])[np.maximum(case[2], 0).astype(int)]
    np.testing.assert_allclose(found, slope * factor[..., None], rtol=1e-5, atol=1e-9)
