"""Refuse graphs whose arrays OpenVINO would write or read beyond their ends.

OpenVINO does not compare the numbers of elements before and after a Reshape, neither where it makes
an array of none nor where a 0 stands for a side of its input, such as the batch.
"""

from __future__ import annotations

import math
from typing import Any

import openvino

from gluon_ssd.errors import ModelError

_SOME_BATCH = 2


def check_shapes(network: Any, path: str) -> None:
    """Raise ModelError for an `openvino.Model` with a Reshape to another number of elements."""
    _refuse_empty(network, path)
    fixed = _with_known_batch(network)
    for node in fixed.get_ops():
        if node.get_type_name() != "Reshape":
            continue
        shapes = node.input(0).get_partial_shape(), node.output(0).get_partial_shape()
        if not all(shape.is_static for shape in shapes):
            continue
        before, after = (math.prod(shape.to_shape()) for shape in shapes)
        if before != after:
            raise _unusable(path, node, f"makes {after} numbers of {before}")


def _refuse_empty(network: Any, path: str) -> None:
    """Raise ModelError for a Reshape to nothing, whatever its input is."""
    for node in network.get_ops():
        if node.get_type_name() != "Reshape" or node.get_attributes()["special_zero"]:
            continue
        wanted = node.input_value(1).get_node()
        if wanted.get_type_name() == "Constant" and 0 in wanted.data:
            raise _unusable(path, node, "makes an array without elements")


def _with_known_batch(network: Any) -> Any:
    """The network for some number of images, or itself where that is known or cannot be set."""
    if len(network.inputs) != 1:
        return network
    wanted = network.inputs[0].partial_shape
    if wanted.rank.is_dynamic or not len(wanted) or wanted[0].is_static:
        return network
    wanted[0] = _SOME_BATCH
    fixed = network.clone()
    try:
        fixed.reshape({0: openvino.PartialShape(wanted)})
    except RuntimeError:
        return network  # compiling it says what is wrong
    return fixed


def _unusable(path: str, node: Any, fault: str) -> ModelError:
    return ModelError(
        f"{path} cannot be used: {node.get_friendly_name()!r} {fault}; export the model anew"
    )
