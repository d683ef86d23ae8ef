"""The kinds of operators of an ONNX file, read without a library and without its weights.

Source: onnx/onnx.proto of ONNX 1.17 (numbers of the fields).
"""

from __future__ import annotations

import mmap

from gluon_ssd.deploy.onnx.protobuf import places_of
from gluon_ssd.errors import ModelError

INTEGER_OPERATORS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger"}
)
"""Of these a file that computes in int8 has some."""

_GRAPH, _NODE, _KIND = 7, 1, 4  # of ModelProto, GraphProto, NodeProto


def operators_of(path: str) -> frozenset[str]:
    """The kinds of operators of the main graph.

    Raises:
        ModelError: the file is no protocol buffer.
    """
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        try:
            return frozenset(
                content[begin:end].decode()
                for graph in places_of(content, (0, len(content)), _GRAPH)
                for node in places_of(content, graph, _NODE)
                for begin, end in places_of(content, node, _KIND)
            )
        except (IndexError, ValueError) as error:
            raise ModelError(f"{path} is no ONNX file, or only a part of one") from error
