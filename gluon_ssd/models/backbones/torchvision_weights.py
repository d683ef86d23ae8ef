"""ImageNet weights of torchvision's residual networks: names, whose they are, into a detector.

Batch norm has weight and bias there, gamma and beta here, and counts its batches there, which
newer files hold. Otherwise the names of `models.backbones.resnet` are torchvision's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.backbones.resnet import BLOCKS, ResNet, resnet_spec
from gluon_ssd.models.first_weights import assign, parameters_of
from gluon_ssd.models.params_file import mismatch, read_params
from gluon_ssd.system.wording import some_of

FILES = {
    "resnet18": ("resnet18-f37072fd.pth",),
    "resnet34": ("resnet34-b627a593.pth",),
    "resnet50": ("resnet50-0676ba61.pth", "resnet50-11ad3fa6.pth"),
    "resnet101": ("resnet101-63fe2227.pth", "resnet101-cd907fc2.pth"),
    "resnet152": ("resnet152-394f9c45.pth", "resnet152-f82ba261.pth"),
    "resnext50_32x4d": ("resnext50_32x4d-7cdf4587.pth", "resnext50_32x4d-1a0047aa.pth"),
}
"""Network -> files that torchvision publishes: IMAGENET1K_V1, and IMAGENET1K_V2 where there is one.
NVIDIA of June 2020 and MLPerf start from V1, NVIDIA of 2022 from V2."""

_NORM = re.compile(r"((?:.*\.)?(?:bn\d|downsample\.1))\.(\w+)")
_OURS = {"weight": "gamma", "bias": "beta"}
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}
_COUNTER = "num_batches_tracked"


def where_published(spec: Any) -> str:
    """Where to get ImageNet weights for a network whose spec has a `backbone`, in a few words."""
    files = " or ".join(FILES[spec.backbone])
    return f"torchvision's {spec.backbone}, {files} from download.pytorch.org/models"


def our_name(published: str) -> str:
    """The structural name of an array of torchvision's."""
    return _renamed(published, _OURS)


def published_name(ours: str) -> str:
    """The inverse of `our_name`."""
    return _renamed(ours, _THEIRS)


def _renamed(name: str, words: Mapping[str, str]) -> str:
    norm = _NORM.fullmatch(name)
    return f"{norm[1]}.{words.get(norm[2], norm[2])}" if norm else name


def our_arrays(arrays: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Arrays of torchvision by our names, float32; names that are ours stay."""
    return {
        our_name(name): np.asarray(array).astype(np.float32, copy=False)
        for name, array in arrays.items()
        if not name.endswith(_COUNTER)
    }


def published_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The inverse of `our_arrays`; batches are counted as 0."""
    found: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        theirs = published_name(name)
        found[theirs] = array
        if name.endswith("running_var"):
            found[f"{theirs.rpartition('.')[0]}.{_COUNTER}"] = np.zeros((), np.int64)
    return found


def backbone_of(arrays: Mapping[str, Any]) -> str | None:
    """The key of `BLOCKS` whose weights, by our names, arrays are; None when they are no one's."""
    return next((name for name in BLOCKS if backbone_difference(name, arrays) is None), None)


def backbone_difference(name: str, arrays: Mapping[str, Any]) -> str | None:
    """Where arrays by our names differ from a key of `BLOCKS`, the classifier `fc` aside."""
    parameters = parameters_of(ResNet(resnet_spec(name)))
    return mismatch(
        {published_name(n): tuple(parameter.shape) for n, parameter in parameters.items()},
        {
            published_name(n): tuple(array.shape)
            for n, array in arrays.items()
            if not n.startswith("fc.")
        },
    )


def load_torchvision_base(network: Any, path: str | os.PathLike[str], *, start: str) -> int:
    """Load the backbone of a detector from an ImageNet classifier of torchvision.

    Args:
        network: initialised, since everything behind the backbone keeps its values; its spec has
            the name of a `backbone`.
        path: the `.pth` file, or what scripts/convert_weights.py made of it. Its classifier, and
            stages that the detector lacks, are left out.
        start: what the structural names of the backbone start with.

    Returns:
        How many arrays were taken, at least 1.

    Raises:
        WeightsError: the file is damaged, or belongs to another backbone; in one line.
    """
    read = read_params(path)
    arrays = our_arrays(read)
    parameters = {
        name.removeprefix(start): parameter
        for name, parameter in parameters_of(network).items()
        if name.startswith(start)
    }
    parts = {name.partition(".")[0] for name in parameters}
    difference = mismatch(
        {published_name(n): tuple(parameter.shape) for n, parameter in parameters.items()},
        {
            published_name(name): array.shape
            for name, array in arrays.items()
            if name.partition(".")[0] in parts
        },
    )
    if difference:
        raise WeightsError(
            f"{os.fspath(path)} does not fit the backbone of {network.name}: {difference}; the "
            f"file starts with {some_of(read)}; give the weights of {where_published(network.spec)}"
        )
    for name, parameter in parameters.items():
        assign(parameter, arrays[name])
    network.weights_from = f"ImageNet weights {Path(path).name}, the rest {network.weights_from}"
    return len(parameters)
