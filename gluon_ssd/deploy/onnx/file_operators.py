"""The kinds of operators of an ONNX file, read without a library and without its weights.

Source: onnx/onnx.proto of ONNX 1.17 (numbers of the fields) and the binary form of protocol
buffers.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

from gluon_ssd.errors import ModelError

INTEGER_OPERATORS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger"}
)
"""Of these a file that computes in int8 has some."""

_GRAPH, _NODE, _KIND = 7, 1, 4  # of ModelProto, GraphProto, NodeProto
_NUMBER, _EIGHT_BYTES, _CONTENT, _FOUR_BYTES = 0, 1, 2, 5


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
                for graph in _messages(content, (0, len(content)), _GRAPH)
                for node in _messages(content, graph, _NODE)
                for begin, end in _messages(content, node, _KIND)
            )
        except (IndexError, ValueError) as error:
            raise ModelError(f"{path} is no ONNX file, or only a part of one") from error


def _messages(content: mmap.mmap, place: tuple[int, int], wanted: int) -> Iterator[tuple[int, int]]:
    """Begin and end of the fields of one number that hold bytes, in a message at some place."""
    at, end = place
    while at < end:
        key, at = _varint(content, at)
        field, kind = key >> 3, key & 7
        if kind == _NUMBER:
            _, at = _varint(content, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        elif kind == _CONTENT:
            length, at = _varint(content, at)
            if field == wanted:
                yield at, at + length
            at += length
        else:
            raise ValueError(f"a field of kind {kind}")
    if at != end:
        raise ValueError("a field that ends behind its message")


def _varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    """A number, seven bits a byte with the lowest first, and where it ends."""
    number, shift = 0, 0
    while True:
        byte = content[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
