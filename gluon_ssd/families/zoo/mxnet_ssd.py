"""Weights of SageMaker's Object Detection and of MXNet's example/ssd that fit a zoo network.

Their vgg16_reduced at 300 pixels is the zoo's ssd_300_vgg16_atrous: 71 arrays, one to one. Only the
input differs, RGB without its mean and undivided. The zoo's extractor multiplies what it is given
by the deviation times 255 again, so that it is the mean alone that a record has to say.
Source: symbol/symbol_vgg16_reduced.py, legacy_vgg16_ssd_300.py and common.py of the SSD example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gluon_ssd.errors import WeightsError

PIXEL_MEAN = (123.0, 117.0, 104.0)
"""Of RGB in 0..255; what the training scripts subtract unless they are told otherwise."""
SIZES_PX = (30.0, 60.0, 111.0, 162.0, 213.0, 264.0, 315.0)
"""Least anchor of each level and one more, as of the zoo's for VOC; example/ssd rounds them."""

_HEAD = "_cls_pred_conv_weight"
_CONVOLUTIONS = (2, 2, 3, 3, 3)  # of each stage
_LEVELS = 6

_OTHER_BODIES = {
    re.compile(r"stage\d+_unit\d+_conv\d+_weight"): "ResNet",
    re.compile(r"multi_feat_6_|conv12_\d_"): "VGG-16 for 512 pixels",
}


def is_mxnet_ssd(arrays: Mapping[str, Any]) -> bool:
    """Whether arrays are named as those programs name them, whatever the body of the network."""
    return any(name.endswith(_HEAD) for name in arrays)


def from_mxnet_ssd(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Structural name in a zoo network -> array.

    Args:
        arrays: of which `is_mxnet_ssd` is true, by the names of their file. Names that are not
            known stay as they are.

    Raises:
        WeightsError: the body is none that the zoo has.
    """
    for pattern, body in _OTHER_BODIES.items():
        if any(pattern.match(name) for name in arrays):
            raise _no_counterpart(f"a {body}")
    if "conv5_3_weight" not in arrays:
        raise _no_counterpart("another body than VGG-16")
    ours = _modern_names() | _legacy_names()
    return {ours.get(name, name): array for name, array in arrays.items()}


def _no_counterpart(what: str) -> WeightsError:
    return WeightsError(
        "the weights are those of SageMaker's Object Detection or MXNet's SSD example with "
        f"{what}, which has no counterpart among the networks of the zoo; run, quantise or export "
        "it from its symbol: its pair, folder or model.tar.gz is taken as an exported model",
        settings=("model_prefix",),
    )


_DILATED = ("features.stages.5.0", "features.stages.5.2")


def _modern_names() -> dict[str, str]:
    extras = {
        f"multi_feat_{level + 2}_conv_{kernel}_conv": f"features.extras.{level}.{place}"
        for level in range(_LEVELS - 2)
        for place, kernel in ((0, "1x1"), (2, "3x3"))
    }
    levels = [f"multi_feat_{level}_conv_3x3_relu" for level in range(2, _LEVELS)]
    return _names({"fc6": _DILATED[0], "fc7": _DILATED[1], **extras}, levels)


def _legacy_names() -> dict[str, str]:
    extras = {
        f"conv{level + 8}_{number}": f"features.extras.{level}.{place}"
        for level in range(_LEVELS - 2)
        for place, number in ((0, 1), (2, 2))
    }
    levels = [f"relu{level}_2" for level in range(8, _LEVELS + 6)]
    return _names({"conv6": _DILATED[0], "conv7": _DILATED[1], **extras}, levels)


def _names(own: Mapping[str, str], levels: list[str]) -> dict[str, str]:
    """Their name -> ours, of all 71 arrays.

    Args:
        own: the layers that have other names in the older form.
        levels: the layers that the heads of the extra levels stand on.
    """
    layers = {
        f"conv{stage}_{number}": f"features.stages.{stage - 1}.{2 * (number - 1)}"
        for stage, count in enumerate(_CONVOLUTIONS, start=1)
        for number in range(1, count + 1)
    }
    layers.update(own)
    for level, start in enumerate(("relu4_3", "relu7", *levels)):
        layers[f"{start}_cls_pred_conv"] = f"class_predictors.{level}.predictor"
        layers[f"{start}_loc_pred_conv"] = f"box_predictors.{level}.predictor"
    ours = {
        f"{layer}_{part}": f"{place}.{part}"
        for layer, place in layers.items()
        for part in ("weight", "bias")
    }
    return {**ours, "relu4_3_scale": "features.norm4.scale"}
