"""Which convolutions stay float32, found in the graph; and the wrong gradient that makes them."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from gluon_ssd.training.precision.convolutions import Convolution, convolutions, split_convolutions

LOW = np.dtype([("bfloat16", np.uint16)])


def convolution(side, kernel, stride, channels=64, filters=128, groups=1):
    return Convolution(
        "c", (channels, side, side), (kernel, kernel), (stride, stride), filters, groups
    )


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "is_wrong"),
    [
        (1, 3, 2, True),
        (1, 2, 2, True),
        (1, 5, 2, True),
        (2, 3, 3, True),
        (1, 3, 1, False),
        (1, 1, 2, False),
        (1, 1, 1, False),
        (2, 3, 2, False),
        (3, 3, 2, False),
        (3, 3, 1, False),
    ],
)
def test_where_the_gradient_is_wrong(side, kernel, stride, is_wrong):
    assert convolution(side, kernel, stride).has_wrong_gradient is is_wrong


def test_one_short_side_is_enough():
    assert Convolution("c", (16, 4, 1), (3, 3), (2, 2), 16).has_wrong_gradient


@pytest.mark.parametrize(
    ("kernel", "channels", "filters", "groups", "slow_with_amx", "slow_without"),
    [
        (3, 64, 128, 1, False, False),
        (3, 3, 32, 1, True, True),
        (3, 64, 84, 1, True, False),
        (3, 64, 64, 64, True, True),
        (3, 48, 128, 1, True, False),  # 432 products
        (1, 496, 128, 1, True, False),
        (1, 512, 128, 1, False, False),
    ],
)
def test_what_gains_nothing(kernel, channels, filters, groups, slow_with_amx, slow_without):
    found = convolution(10, kernel, 1, channels, filters, groups)
    for amx, slow in ((True, slow_with_amx), (False, slow_without)):
        assert found.gains("bfloat16", amx=amx) is not slow
        assert found.gains("float16", amx=amx)
        split = split_convolutions([found], "bfloat16", amx=amx)
        assert split.slow == (("c",) if slow else ())
        assert split.padded == (("c",) if filters == 84 else ())
    assert split_convolutions([found], "float16").low == ("c",)
    assert split_convolutions([found], "float16").padded == ()


@pytest.mark.parametrize(
    ("filters", "groups", "gains"),
    [(84, 1, True), (36, 1, True), (96, 1, False), (24, 1, False), (84, 84, False)],
)
def test_what_gains_by_padding(filters, groups, gains):
    assert convolution(10, 3, 1, 84, filters, groups).gains_by_padding is gains


def level(data, filters, name, stride=2):
    """One of the zoo's extra levels: 1x1, then 3x3 with a stride."""
    data = mx.sym.Convolution(data, num_filter=filters // 2, kernel=(1, 1), name=f"{name}_1x1")
    return mx.sym.Convolution(
        data, num_filter=filters, kernel=(3, 3), stride=(stride,) * 2, pad=(1, 1), name=name
    )


def six_levels(image_side, filters=128):
    """The maps of the zoo's layout: a sixteenth of the image, then halves."""
    x = mx.sym.var("data")
    x = mx.sym.Convolution(x, num_filter=32, kernel=(3, 3), stride=(16, 16), pad=(1, 1), name="l0")
    for number in range(1, 6):
        x = level(x, filters, f"l{number}")
    return x, (3, image_side, image_side)


def test_six_levels_at_128_reach_the_fault_and_at_300_do_not():
    split = split_convolutions(convolutions(*six_levels(128)), "bfloat16")
    assert split.faulty == ("l4", "l5")  # maps of 8, 4, 2, 1, 1 and 1 pixel
    assert split.low == ("l1", "l2", "l3")
    text = split.describe("bfloat16")
    assert text.startswith("AMP: 3 of 11 convolutions in bfloat16")
    assert "l4, l5 stay float32 because oneDNN's bfloat16 gradient is wrong" in text
    assert split_convolutions(convolutions(*six_levels(300)), "bfloat16").faulty == ()


def gradients(side, kernel, stride, channels, batch, low):
    """Weight gradient of one convolution, float32 (O, C, k, k)."""
    rng = np.random.default_rng(0)
    pad = kernel // 2
    x = mx.nd.array(rng.normal(size=(batch, channels, side, side)))
    weight = mx.nd.array(rng.normal(size=(2 * channels, channels, kernel, kernel)))
    weight.attach_grad()
    with mx.autograd.record():
        inputs = [mx.nd.amp_cast(a, dtype=LOW) for a in (x, weight)] if low else [x, weight]
        y = mx.nd.Convolution(
            *inputs,
            num_filter=2 * channels,
            kernel=(kernel,) * 2,
            stride=(stride,) * 2,
            pad=(pad,) * 2,
            no_bias=True,
        )
        y = mx.nd.amp_cast(y, dtype="float32") if low else y
    y.backward(mx.nd.array(rng.normal(size=y.shape)))
    return weight.grad.asnumpy()


def largest_error(side, kernel, stride):
    """Over several sizes: what is wrong is memory never written, which may hold anything."""
    errors = []
    for channels in (16, 64, 128):
        for batch in (2, 4, 8):
            expected = gradients(side, kernel, stride, channels, batch, low=False)
            found = gradients(side, kernel, stride, channels, batch, low=True)
            errors.append(np.abs(found - expected).max() / np.abs(expected).max())
    return np.max(np.nan_to_num(errors, nan=np.inf))


@pytest.mark.skipif(not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16")
@pytest.mark.parametrize(
    ("side", "kernel", "stride"), [(1, 3, 2), (1, 3, 1), (1, 1, 2), (2, 3, 2), (3, 3, 2)]
)
def test_the_rule_tells_wrong_gradients_from_right_ones(side, kernel, stride):
    error = largest_error(side, kernel, stride)
    assert (error > 0.05) == convolution(side, kernel, stride).has_wrong_gradient, error
