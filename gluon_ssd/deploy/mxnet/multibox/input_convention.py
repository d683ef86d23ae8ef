"""What the pixels of a cut symbol's images are: nothing in the files says it outright.

A wrong guess crashes nothing and costs nearly all detections, so that it is always told which one
is taken, and why. A batch norm of the images, as ResNet-50 begins with, has seen their mean.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from gluon_ssd.deploy.mxnet.files import INPUT, Exported
from gluon_ssd.deploy.mxnet.graph import VARIABLE, Node
from gluon_ssd.detection.preprocessing import IMAGENET, KINDS, MINUS_MEAN, RAW, Preprocessing

_log = logging.getLogger(__name__)

_SAME = ("_copy", "BlockGrad", "amp_cast")
_HOST = "model_algo"  # files of SageMaker's training: its host is called algo-1
_LARGEST_SPREAD = 10.0
"""Deviation of pixels that were divided; it is about 60 where they were not."""
_LARGEST_REST = 30.0
"""What a subtracted mean leaves at most of the mean of other images."""
_LEAST_RAW = 60.0


def input_convention(exported: Exported, told: Preprocessing | None) -> Preprocessing:
    """What is told, or read from a batch norm of the images, or else guessed; it is said aloud.

    Args:
        exported: a detector that was cut.
        told: by the user.
    """
    seen, name = _seen(exported), exported.name
    if told is not None:
        _log.warning("%s: images go in as %s, as you say", name, told)
        if seen is not None and seen[0] != told.kind:
            _log.warning(
                "%s was trained on other images: its first batch norm has seen %s; "
                "--preprocessing %s fits that",
                name,
                seen[1],
                seen[0],
            )
        return told
    if seen is not None:
        found = Preprocessing(seen[0])
        _log.warning(
            "%s: images go in as %s; its first batch norm has seen %s", name, found, seen[1]
        )
        return found
    is_sagemaker = exported.hyperparams is not None or Path(name).name.startswith(_HOST)
    found = Preprocessing(RAW if is_sagemaker else MINUS_MEAN)
    _log.warning(
        "%s: images go in as %s, which is a guess: AWS's programs take pixels as they are for "
        "models of SageMaker, example/ssd subtracts a mean; a wrong one costs a third or all. "
        "Say it with --preprocessing (%s); what scripts/export_ssd.py writes with that holds it",
        name,
        found,
        ", ".join(KINDS),
    )
    return found


def _seen(exported: Exported) -> tuple[str, str] | None:
    """(kind, what shows it) where a batch norm reads the images."""
    norm = next((n for n in exported.graph.find("BatchNorm") if _reads_images(n)), None)
    if norm is None:
        return None
    mean, variance = (exported.params.get(source.name) for source, _ in norm.inputs[3:5])
    if mean is None or variance is None or mean.shape != (3,) or variance.shape != (3,):
        return None
    text = f"a mean of ({', '.join(f'{value:.3g}' for value in mean)})"
    if float(np.sqrt(np.abs(variance)).max()) < _LARGEST_SPREAD:
        return IMAGENET, f"{text} and deviations of pixels that were divided"
    if float(np.abs(mean).max()) < _LARGEST_REST:
        return MINUS_MEAN, text
    return (RAW, text) if float(mean.min()) > _LEAST_RAW else None


def _reads_images(norm: Node) -> bool:
    node = norm.inputs[0][0]
    while node.op in _SAME:
        node = node.inputs[0][0]
    return node.op == VARIABLE and node.name == INPUT
