"""ImageNet weights for the backbone of a detector, from a file of the classification network."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.detection.normalization import IMAGENET_STD
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.zoo.network import SsdNetwork, classification_network
from gluon_ssd.models.first_weights import assign, complete_shapes, parameters_of
from gluon_ssd.models.params_file import check_finite, mismatch, read_params
from gluon_ssd.system.wording import some_of

# Children of the resnet34_v1b classifier and where the extractor keeps them.
_RESNET34_PLACES = {
    "conv1": "stage1.0",
    "bn1": "stage1.1",
    "layer1": "stage1.4",
    "layer2": "stage1.5",
    "layer3": "stage2.0",
    "layer4": "stage2.1",
}


def load_base(network: Any, path: str | os.PathLike[str]) -> int:
    """Load the backbone from an ImageNet classifier's parameters.

    VGG networks take GluonCV's `vgg16_atrous` file, or a plain `vgg16` classifier, whose
    convolutions alone fit: the two dilated layers keep their first values then.

    Args:
        network: initialised, since extra layers and heads keep their values.
        path: a `.params` file of `gluoncv.model_zoo.get_model(network.spec.backbone)`.

    Returns:
        How many arrays were taken, at least 1.

    Raises:
        WeightsError: the file is damaged, or belongs to another backbone; in one line.
    """
    complete_shapes(network)
    arrays = read_params(path)
    backbone = network.spec.backbone
    if not network.spec.base_weights_name:
        raise WeightsError(
            f"{os.fspath(path)} cannot be used: there are no ImageNet weights for {network.name}; "
            "leave the backbone's weights out"
        )
    if backbone == "vgg16_atrous":
        start, taken = _from_vgg(network, arrays)
    elif backbone == "resnet34_v1b":
        start, taken = r"features\.stage", _from_resnet34(arrays)
    else:
        start, taken = _from_classifier(backbone, arrays)
    parameters = {name: p for name, p in parameters_of(network).items() if re.match(start, name)}
    difference = mismatch(
        {name: tuple(parameter.shape) for name, parameter in parameters.items()},
        {name: tuple(taken[name].shape) for name in parameters if name in taken},
    )
    if difference:
        raise WeightsError(
            f"{os.fspath(path)} does not fit the backbone of {network.name}: {difference}; the "
            f"file starts with {some_of(arrays)}; give the weights of {backbone}"
        )
    check_finite(
        {name: taken[name] for name in parameters}, "copy or fetch it anew", f"{os.fspath(path)}: "
    )
    for name, parameter in parameters.items():
        assign(parameter, taken[name])
    network.weights_from = f"ImageNet weights {Path(path).name}, the rest {network.weights_from}"
    return len(parameters)


def _from_classifier(backbone: str, arrays: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Pattern of the backbone's names in a detector, and the file's arrays under such names.

    The expander names arrays after the classifier's blocks (`mobilenet0_conv0_weight`), the file
    after their place (`features.0.weight`); the classifier itself knows both.
    """
    classifier = classification_network(backbone)
    block_names = {
        place: parameter.name.removeprefix(classifier.prefix)
        for place, parameter in parameters_of(classifier).items()
    }
    alias = classifier._alias()
    named = {
        # A file in the older format has the block's name already, with any number.
        block_names.get(name, re.sub(rf"^{alias}\d+_", "", name)): array
        for name, array in arrays.items()
    }
    start = f"features.{alias}0_"  # inside a detector it is always the first of its kind
    return re.escape(start), {start + name: array for name, array in named.items()}


def _from_resnet34(arrays: Mapping[str, Any]) -> dict[str, Any]:
    parts = ((name.partition("."), array) for name, array in arrays.items())
    return {
        f"features.{_RESNET34_PLACES[child]}.{rest}": array
        for (child, _, rest), array in parts
        if child in _RESNET34_PLACES
    }


def _from_vgg(network: SsdNetwork, arrays: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if "stages.0.0.weight" in arrays:
        return r"features\.stages\.", {f"features.{name}": a for name, a in arrays.items()}
    # A classifier lists its convolutions and their biases in order, like our first five stages.
    start = r"features\.stages\.[0-4]\."
    places = [name for name in parameters_of(network) if re.match(start, name)]
    convolutions = [a for name, a in arrays.items() if name.startswith("features.")]
    taken = dict(zip(places, convolutions, strict=False))
    first = taken.get("features.stages.0.0.weight")
    if first is not None and first.shape[1:] == (3, 3, 3):
        # The extractor multiplies its input by std * 255 again, for weights of another origin.
        scale = np.asarray(IMAGENET_STD, np.float32).reshape(1, 3, 1, 1) * 255
        taken["features.stages.0.0.weight"] = first / scale
    return start, taken
