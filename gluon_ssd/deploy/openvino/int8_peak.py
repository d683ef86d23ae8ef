"""Large int8 convolutions, which show how many operations a second this CPU can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as op

from gluon_ssd.deploy.openvino.core import CORE

_CHANNELS, _SIDE, _KERNEL, _LAYERS = 256, 64, 3, 4
_LARGEST = 2.55  # value that an unsigned byte of 255 stands for
_LEVELS = 256


def int8_convolutions(threads: int) -> tuple[Callable[[], object], int]:
    """Four convolutions of 3x3 over 256 channels of 64x64, values in uint8 and weights in int8.

    Channels fill the vector registers, and values and weights of a layer stay in the caches: the
    networks of detectors have no layer that suits the CPU better.

    Args:
        threads: that compute.

    Returns:
        A callable that runs them once and waits, and how many operations that are: two for each
        multiply-accumulate.
    """
    rng = np.random.default_rng(0)
    image = op.parameter([1, _CHANNELS, _SIDE, _SIDE], np.float32)
    values = _as_bytes(image)
    padding = [_KERNEL // 2] * 2
    for _ in range(_LAYERS):
        shape = (_CHANNELS, _CHANNELS, _KERNEL, _KERNEL)
        stored = op.constant(rng.integers(-127, 128, shape).astype(np.int8))
        scales = np.full((_CHANNELS, 1, 1, 1), 1e-4, np.float32)
        weights = op.multiply(op.convert(stored, "f32"), scales)
        found = op.convolution(values, weights, [1, 1], padding, padding, [1, 1])
        values = _as_bytes(op.relu(found))
    model = openvino.Model([op.result(values)], [image], "int8_convolutions")
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = CORE.compile_model(model, "CPU", settings).create_infer_request()
    pixels = rng.uniform(0, _LARGEST, (1, _CHANNELS, _SIDE, _SIDE)).astype(np.float32)
    request.set_input_tensor(openvino.Tensor(pixels))
    products = _LAYERS * _CHANNELS**2 * _KERNEL**2 * _SIDE**2
    return request.infer, 2 * products


def _as_bytes(values: Any) -> Any:
    """Rounded to the values of an unsigned byte, which OpenVINO then computes with."""
    low, high = np.float32(0), np.float32(_LARGEST)
    return op.fake_quantize(values, low, high, low, high, _LEVELS)
