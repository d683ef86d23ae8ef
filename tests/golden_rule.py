"""The rule behind the golden numbers: arrays from a seed and a name, and how tensors are compared.

The folder `golden` of the shared files holds what published detectors compute for weights, images,
boxes and predictions that this module makes again. Every array has a generator of its own, whose
stream NumPy keeps frozen: RandomState, seeded with the CRC-32 of "<seed>:<name>".
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SEED = 101

_FOCAL_PRIOR = -4.6
_ROOT_2 = math.sqrt(2.0)
# How far the weights of a convolution spread, times the root of its fan-in; the first that fits.
_GAINS = (
    (re.compile(r"\.conv1\.weight$|\.downsample\.0\.weight$"), 1.0),
    (re.compile(r"\.conv[23]\.weight$"), 0.6),
    (re.compile(r"^conf\.\d+\.weight$"), 1.0),
    (re.compile(r"^loc\.\d+\.weight$"), 0.4),
    (re.compile(r"cls_logits\.weight$"), 0.5),
    (re.compile(r"bbox_reg\.weight$"), 0.3),
)


def stream(name: str, seed: int = SEED) -> np.random.RandomState:
    """The generator of a name."""
    return np.random.RandomState(zlib.crc32(f"{seed}:{name}".encode("ascii")))


def normal(name: str, shape: Sequence[int], seed: int = SEED) -> np.ndarray:
    """float64, standard normal."""
    return stream(name, seed).standard_normal(tuple(shape))


def uniform(name: str, shape: Sequence[int], seed: int = SEED) -> np.ndarray:
    """float64 in [0, 1)."""
    return stream(name, seed).random_sample(tuple(shape))


def weight(name: str, shape: Sequence[int], seed: int = SEED) -> np.ndarray:
    """One array of a state dict, float32; what it is for follows from its name and rank."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(tuple(shape), np.int64)
    values = normal(name, shape, seed)
    if name.endswith("running_mean"):
        values = 0.1 * values
    elif name.endswith("running_var"):
        values = 1.0 + 0.1 * np.abs(values)
    elif name.endswith("bias"):
        values = (_FOCAL_PRIOR if name.endswith("cls_logits.bias") else 0.0) + 0.05 * values
    elif len(shape) == 1:
        values = 1.0 + 0.1 * values
    else:
        gain = next((gain for pattern, gain in _GAINS if pattern.search(name)), _ROOT_2)
        values = gain / math.sqrt(np.prod(shape[1:])) * values
    return values.astype(np.float32)


def state_dict(entries: Path | Iterable[Sequence[Any]], seed: int = SEED) -> dict[str, np.ndarray]:
    """Name -> array, from pairs of name and shape or from a file `*_names.json`."""
    if isinstance(entries, Path):
        entries = json.loads(entries.read_text("utf-8"))["state_dict"]
    return {name: weight(name, shape, seed) for name, shape in entries}


def image(name: str, shape: Sequence[int], seed: int = SEED) -> np.ndarray:
    """A normalised input, float32 (B, 3, H, W)."""
    return normal(f"image:{name}", shape, seed).astype(np.float32)


def picture(name: str, height: int, width: int, seed: int = SEED) -> np.ndarray:
    """An RGB picture, uint8 (height, width, 3): patches of 16 pixels and noise."""
    patches = uniform(f"coarse:{name}", (-(-height // 16), -(-width // 16), 3), seed)
    patches = patches.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
    noise = uniform(f"noise:{name}", (height, width, 3), seed)
    return (256.0 * (0.7 * patches + 0.3 * noise)).astype(np.uint8)


def random_boxes(
    name: str, count: int, *, low: float = 0.05, high: float = 0.6, seed: int = SEED
) -> np.ndarray:
    """Corners, float32 (count, 4), in fractions of an image and inside of it."""
    drawn = uniform(f"boxes:{name}", (count, 4), seed)
    size = low + (high - low) * drawn[:, 2:]
    start = drawn[:, :2] * (1.0 - size)
    return np.concatenate([start, start + size], axis=1).astype(np.float32)


def random_labels(name: str, count: int, low: int, high: int, seed: int = SEED) -> np.ndarray:
    """int64 (count,), from `low` to `high`, both included."""
    drawn = uniform(f"labels:{name}", (count,), seed)
    return (low + np.floor(drawn * (high - low + 1))).astype(np.int64)


def ssd_loss_predictions(
    batch: int, boxes: int, *, classes: int = 81, seed: int = SEED
) -> tuple[np.ndarray, np.ndarray]:
    """loc (batch, 4, boxes) and conf (batch, classes, boxes), float32."""
    loc = 0.5 * normal("loss:loc", (batch, 4, boxes), seed)
    return loc.astype(np.float32), normal("loss:conf", (batch, classes, boxes), seed).astype("f4")


def ssd_decode_predictions(
    boxes: int, *, classes: int = 81, seed: int = SEED
) -> tuple[np.ndarray, np.ndarray]:
    """loc (4, 4, boxes) and conf (4, classes, boxes), float32, where background mostly wins.

    Image 0 has pairs of neighbours of one class; image 1 has 600 boxes of class 17 and 160 of
    others; image 2 has nothing; image 3 is as image 0, with 40 pairs that tie exactly.
    """
    loc = (0.5 * normal("decode:loc", (4, 4, boxes), seed)).astype(np.float32)
    conf = normal("decode:conf", (4, classes, boxes), seed).astype(np.float32)
    order = stream("decode:order", seed).permutation(boxes - 1)
    conf[:, 0] += np.float32(8.0)
    pairs = order[: boxes // 100]
    labels = 1 + np.arange(len(pairs)) % 20
    for index in (0, 3):
        for box in (pairs, pairs + 1):
            conf[index, labels, box] += np.float32(9.0)
    third = boxes // 3
    conf[1, 17, third : third + 600] += np.float32(9.0)
    conf[1, 18 + np.arange(160) % 60, order[:160]] += np.float32(9.5)
    conf[2, 0] += np.float32(10.0)
    conf[3, :, pairs[:40] + 1] = conf[3, :, pairs[:40]]
    return loc, conf


def retina_predictions(
    name: str,
    batch: int,
    anchors: int,
    *,
    classes: int = 264,
    prior: float = _FOCAL_PRIOR,
    spread: float = 1.0,
    bump: float = 0.0,
    seed: int = SEED,
) -> tuple[np.ndarray, np.ndarray]:
    """cls_logits (batch, anchors, classes) and bbox_regression (batch, anchors, 4), float32.

    `bump` comes on top of classes 200 to 203 of the first 2000 anchors.
    """
    logits = prior + spread * normal(f"retina:cls:{name}", (batch, anchors, classes), seed)
    logits = logits.astype(np.float32)
    logits[:, :2000, 200:204] += np.float32(bump)
    boxes = 0.3 * normal(f"retina:box:{name}", (batch, anchors, 4), seed)
    return logits, boxes.astype(np.float32)


def many_positive_targets(
    centers: np.ndarray, *, count: int = 3000, classes: int = 81, seed: int = SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes float32 (A, 4), centre form, and labels int64 (A,), `count` of them above 0.

    The boxes lie near the default boxes `centers` (A, 4), or on them where the label is 0.
    """
    centers = np.asarray(centers, np.float64)
    chosen = stream("many:order", seed).permutation(len(centers))[:count]
    labels = np.zeros(len(centers), np.int64)
    labels[chosen] = 1 + np.arange(count) % (classes - 1)
    shift = normal("many:shift", (len(centers), 4), seed)
    boxes = centers.copy()
    positive = labels > 0
    sizes = centers[:, 2:]
    boxes[positive, :2] += (0.1 * shift[:, :2] * sizes)[positive]
    boxes[positive, 2:] = (sizes * np.exp(0.2 * shift[:, 2:]))[positive]
    return boxes.astype(np.float32), labels


def pick(array: np.ndarray, count: int) -> np.ndarray:
    """`count` elements of the flattened array, equally spaced, from first to last."""
    flat = np.asarray(array).ravel()
    if flat.size < count:
        return flat
    return flat[np.arange(count) * (flat.size - 1) // (count - 1)]


def probe(array: np.ndarray, number: int = 0) -> float:
    """Sum with a random sign for each element, which any exchange of elements changes."""
    flat = np.asarray(array, np.float64).ravel()
    negative = stream("probe", number).random_sample(flat.size) >= 0.5
    return float(np.where(negative, -flat, flat).sum())


def summary(array: np.ndarray) -> np.ndarray:
    """float64 (12,): three sums, minimum, five percentiles, maximum, two probes."""
    flat = np.asarray(array, np.float64).ravel()
    sums = [flat.sum(), np.abs(flat).sum(), (flat * flat).sum()]
    spread = [flat.min(), *np.percentile(flat, [1, 25, 50, 75, 99]), flat.max()]
    return np.array([*sums, *spread, probe(flat, 0), probe(flat, 1)])


def summary_distance(found: np.ndarray, golden: np.ndarray) -> float:
    """Largest difference of two summaries, each number relative to the size of what it sums."""
    peak = max(abs(golden[3]), abs(golden[9]))
    root = math.sqrt(golden[2])
    scale = np.array([golden[1], golden[1], golden[2], *[peak] * 7, root, root])
    return float(np.max(np.abs(found - golden) / scale))


def distance(array: np.ndarray, golden: Mapping[str, np.ndarray], key: str) -> float:
    """Largest relative difference between an array and the tensor `key` of a golden file.

    Raises:
        ValueError: their shapes differ.
    """
    array = np.asarray(array)
    shape = tuple(golden[f"{key}.shape"])
    if array.shape != shape:
        raise ValueError(f"{key}: shape {array.shape}, expected {shape}")
    expected = golden[f"{key}.summary"]
    picked = golden[f"{key}.pick"]
    peak = max(abs(expected[3]), abs(expected[9]))
    elements = float(np.max(np.abs(pick(array, len(picked)) - picked))) / peak
    return max(summary_distance(summary(array), expected), elements)
