"""The table of backends that a search can use."""

from __future__ import annotations

from collections.abc import Callable

from gluon_ssd.deploy.tuning.search_backend import SearchBackend


def _mxnet() -> SearchBackend:
    from gluon_ssd.deploy.tuning.mxnet_backend import MXNET

    return MXNET


def _onnx_of_integers() -> SearchBackend:
    from gluon_ssd.deploy.tuning.onnx_backend import QLINEAR

    return QLINEAR


def _onnx_of_pairs() -> SearchBackend:
    from gluon_ssd.deploy.tuning.onnx_backend import QDQ

    return QDQ


def _openvino() -> SearchBackend:
    from gluon_ssd.deploy.tuning.openvino_backend import OPENVINO

    return OPENVINO


BACKENDS: dict[str, Callable[[], SearchBackend]] = {
    "mxnet": _mxnet,
    "onnxrt_qlinear": _onnx_of_integers,
    "onnxrt_qdq": _onnx_of_pairs,
    "openvino": _openvino,
}
"""Every backend by the word of [model] framework; the function imports its framework."""
