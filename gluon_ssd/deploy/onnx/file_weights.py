"""The weights of an ONNX file, looked at without a library.

Source: onnx/onnx.proto of ONNX 1.17 (numbers of the fields and types).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

from gluon_ssd.deploy.onnx.protobuf import fields_of, places_of
from gluon_ssd.errors import ModelError

_GRAPH, _INITIALIZER = 7, 5  # of ModelProto, GraphProto
_TYPE, _FLOATS, _NAME, _RAW = 2, 4, 8, 9  # of TensorProto
_TYPES = {1: "<f4", 10: "<f2", 11: "<f8"}


def refuse_not_finite(path: str) -> None:
    """Raise ModelError, naming the first one, where a file holds weights that are not finite.

    With such a detector finds nothing, in silence. Raises ModelError too for what is no ONNX file.
    """
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        try:
            name = next(_not_finite(content), None)
        except (IndexError, ValueError, TypeError) as error:
            raise ModelError(f"{path} is no ONNX file, or only a part of one") from error
    if name is not None:
        raise ModelError(
            f"{path}: the weights {name[:100]} are not finite; export the weights of an earlier "
            "epoch"
        )


def _not_finite(content: mmap.mmap) -> Iterator[str]:
    """Names of the weights that are not finite."""
    for graph in places_of(content, (0, len(content)), _GRAPH):
        for tensor in places_of(content, graph, _INITIALIZER):
            facts: dict[int, Any] = dict(fields_of(content, tensor))
            if (dtype := _TYPES.get(facts.get(_TYPE, 0))) is None:
                continue
            begin, end = facts.get(_RAW) or facts.get(_FLOATS) or (0, 0)
            if not np.isfinite(np.frombuffer(content[begin:end], dtype)).all():
                begin, end = facts.get(_NAME, (0, 0))
                yield content[begin:end].decode("utf-8", "replace")
