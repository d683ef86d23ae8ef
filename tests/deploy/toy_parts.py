"""A small detector, in parts and as MXNet runs it, for tests of other formats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gluon_ssd.deploy.detector_parts import DetectorParts
from gluon_ssd.deploy.mxnet.export import trace_detector
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.parts import detector_parts
from gluon_ssd.deploy.mxnet.plain import PlainDetector
from gluon_ssd.detection.decoding import Decoding
from tests.deploy.grouped_toys import DECODINGS, grouped_detector
from tests.toy_family.spec import TOY

SIDE = 64
BY = {"image": TOY.decoding, **DECODINGS}
"""The decoding of toys that count candidates by image, class and level."""


def toy_exported(decoding: Decoding = TOY.decoding, resize: str = "auto") -> Exported:
    """The toy as graph and arrays; three classes, images of 64 pixels."""
    detector, record = grouped_detector(decoding)
    return trace_detector(detector, replace(record, resize=resize))


def toy_parts(decoding: Decoding = TOY.decoding, resize: str = "auto") -> DetectorParts:
    """The toy in parts."""
    return detector_parts(toy_exported(decoding, resize))


def toy_reference(decoding: Decoding = TOY.decoding) -> PlainDetector:
    """The same toy in MXNet."""
    return PlainDetector(toy_exported(decoding), (SIDE, SIDE))


def toy_pictures(count: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 (count, 64, 64, 3), noise."""
    shape = (count, SIDE, SIDE, 3)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def toy_images(count: int = 3, seed: int = 0) -> np.ndarray:
    """The same pictures, float32 (count, 3, 64, 64), normalised."""
    record = grouped_detector(TOY.decoding)[1]
    mean, std = (np.array(value).reshape(1, 3, 1, 1) for value in (record.mean, record.std))
    planes = toy_pictures(count, seed).transpose(0, 3, 1, 2) / 255
    return ((planes - mean) / std).astype(np.float32)
