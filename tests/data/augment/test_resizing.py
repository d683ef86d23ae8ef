"""Resizing by rule: by hand, against plain loops, and against what published codes make.

`tests/golden/images.npz` holds every golden number of images before the network; the pictures come
from `tests.golden_rule`.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from gluon_ssd.data.augment.resizing import normalized_planes, resized
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.detection.input_format import RESIZES, InputFormat
from tests import golden_rule
from tests.data.slow_steps import slow_bilinear

GOLDEN = dict(np.load(Path(__file__).parents[2] / "golden" / "images.npz", allow_pickle=False))


def gray(rows: list) -> np.ndarray:
    return np.array(rows, np.uint8)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize(
    ("rule", "size_hw", "expected"),
    [
        ("pil", (1, 1), [[100]]),
        ("linear", (1, 1), [[100]]),
        ("pil", (1, 2), [[0, 200]]),
        ("pil", (1, 4), [[0, 50, 150, 200]]),
        ("linear", (1, 4), [[0, 50, 150, 200]]),
        ("linear", (1, 3), [[0, 100, 200]]),
    ],
)
def test_two_pixels_by_hand(rule, size_hw, expected):
    found = resized(gray([[0, 200]]), InputFormat(size_hw, resize=rule))
    np.testing.assert_allclose(found, gray(expected), atol=1e-4)
    assert found.dtype == (np.float32 if rule == "linear" else np.uint8)


def test_only_pillow_averages_what_shrinks():
    image = gray([[0, 80, 160, 240]])
    pil, linear = (
        resized(image, InputFormat((1, 1), resize=rule))[0, 0, 0] for rule in ("pil", "linear")
    )
    assert (pil, linear) == (120, 120)
    image = gray([[240, 0, 0, 0]])
    pil, linear = (
        resized(image, InputFormat((1, 1), resize=rule))[0, 0, 0] for rule in ("pil", "linear")
    )
    # Weights 5, 7, 7, 5 of 24, by distances 1.5 and 0.5 of 4, against 0, 1, 1, 0 of 2.
    assert (pil, linear) == (50, 0)


@pytest.mark.parametrize("size_hw", [(40, 30), (90, 130), (40, 130)], ids=str)
def test_linear_equals_plain_interpolation(size_hw):
    image = np.random.default_rng(1).integers(0, 256, (70, 60, 3), dtype=np.uint8)
    found = resized(image, InputFormat(size_hw, resize="linear"))
    np.testing.assert_allclose(found, slow_bilinear(image.astype(float), size_hw), atol=0.005)


def test_linear_commutes_with_the_normalisation():
    image = np.random.default_rng(1).integers(0, 256, (70, 60, 3), dtype=np.uint8)
    wanted = InputFormat((50, 90), resize="linear")
    first = normalized_planes(image, wanted).transpose(1, 2, 0)
    after = cv2.resize(first, (90, 50)).transpose(2, 0, 1)
    np.testing.assert_allclose(eval_transform(image, wanted), after, atol=1e-5)


def test_images_that_have_the_size_stay_as_they_are():
    image = np.random.default_rng(1).integers(0, 256, (7, 6, 3), dtype=np.uint8)
    for rule in RESIZES:
        np.testing.assert_array_equal(resized(image, InputFormat((7, 6), resize=rule)), image)


@pytest.mark.parametrize("rule", RESIZES)
def test_views_of_images_will_do(rule):
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    wanted = InputFormat((9, 40), resize=rule)
    found = resized(image[3:17, 5:25], wanted)
    np.testing.assert_array_equal(found, resized(image[3:17, 5:25].copy(), wanted))


# ---- golden numbers


def golden_picture(size_key: str) -> np.ndarray:
    height, width = GOLDEN[f"{size_key}.size"].tolist()
    return golden_rule.picture(size_key[-1], height, width)


@pytest.mark.parametrize(
    ("key", "size_key", "side", "rule", "tolerance"),
    [
        *(
            (f"nvidia_ssd300.preprocess.{p}", f"nvidia_ssd300.preprocess.{p}", 300, "pil", 1e-6)
            for p in "abc"
        ),
        *((f"mlperf_ssd_r34.s300.preprocess.{p}",) * 2 + (300, "pil", 1e-6) for p in "ab"),
        *(
            (
                f"mlperf_ssd_r34.s1200.preprocess_{way}.{p}",
                f"mlperf_ssd_r34.s1200.preprocess.{p}",
                1200,
                rule,
                1e-6,
            )
            for way, rule in (("pil", "pil"), ("opencv", "linear"))
            for p in "ab"
        ),
        # torch keeps places in single precision: 1e-5 pixels off at the far end.
        *((f"mlperf_retinanet.transform.{p}",) * 2 + (800, "linear", 3e-5) for p in "ab"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_evaluation_makes_the_images_of_the_published_codes(key, size_key, side, rule, tolerance):
    made = eval_transform(golden_picture(size_key), InputFormat((side, side), resize=rule))
    made = made.reshape(GOLDEN[f"{key}.shape"])
    assert golden_rule.distance(made, GOLDEN, key) < tolerance
    # The other rules are told apart by far, but where nothing is resized or all of it grows.
    for other in {"pil", "linear"} - {rule}:
        wrong = eval_transform(golden_picture(size_key), InputFormat((side, side), resize=other))
        wrong = golden_rule.distance(wrong.reshape(made.shape), GOLDEN, key)
        is_resized = golden_picture(size_key).shape[:2] != (side, side)
        assert (wrong > 1e-3) == is_resized


def sample_of_nvidia(image: np.ndarray) -> np.ndarray:
    """NVIDIA's inference sample, which no other of its codes follows; float64 (3, 300, 300).

    The shorter side becomes 300, after a Gaussian filter where it shrinks, and the centre is
    cut out; then (256 value - 128) / 128. The resize is that of scikit-image 0.26.
    """
    height, width = image.shape[:2]
    size = (300, int(300 * width / height)) if width > height else (int(300 * height / width), 300)
    ratios = np.array([height, width, 3]) / (*size, 3)
    blurred = ndimage.gaussian_filter(image / 255.0, np.maximum(0, (ratios - 1) / 2), mode="mirror")
    scaled = ndimage.zoom(blurred, 1 / ratios, order=1, mode="mirror", grid_mode=True)
    top, left = size[0] // 2 - 150, size[1] // 2 - 150
    cut = scaled[top : top + 300, left : left + 300]
    return ((256 * cut - 128) / 128).transpose(2, 0, 1)


@pytest.mark.parametrize("name", "ab")
def test_what_the_inference_sample_of_nvidia_does_is_known(name):
    made = sample_of_nvidia(golden_picture(f"nvidia_ssd300.preprocess.{name}"))
    key = f"nvidia_ssd300.preprocess_sample.{name}"
    assert golden_rule.distance(made, GOLDEN, key) < 1e-6
    assert str(GOLDEN["nvidia_ssd300.preprocess_sample.skimage"]) == "0.26.0"
