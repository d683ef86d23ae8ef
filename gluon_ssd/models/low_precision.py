"""Which layers gain from float16 or bfloat16, in training and in inference."""

from __future__ import annotations

import math

BLOCK = 16
"""Channels oneDNN computes at once; it has no fast bfloat16 kernel for other numbers of them."""
_LEAST_PRODUCTS = 512
"""Products summed up to one output value, below which bfloat16 with AMX saves less in training
than it costs: casts before and after, and a batch norm that is four times slower behind a cast. A
training step of ssd_512_resnet50_v1 was 1.00, 1.15, 1.21, 1.22 and 1.16 times faster with a bound
of 0, 256, 512, 1024 and 2048, one of ssd_300_mobilenet1.0 0.86, 0.98, 1.03, 1.03 and 1.01 times.
In inference batch norm is folded into the convolutions, and no such bound is used."""


def gains(
    dtype: str,
    *,
    filters: int,
    channels: int,
    kernel: tuple[int, ...],
    groups: int = 1,
    training: bool = False,
    amx: bool = True,
) -> bool:
    """Whether a layer is faster in a lower type than in float32.

    Args:
        dtype: "float16", which runs on GPUs alone and gains there always, or "bfloat16" on a CPU.
        filters: output channels.
        channels: input channels, of all groups together.
        kernel: (height, width); () for a dense layer.
        groups: of channels; a grouped convolution gains in inference alone.
        training: whether the backward pass counts too.
        amx: whether oneDNN computes with AMX. Without it, training keeps batch norm in bfloat16 and
            fills filters up with zeros, and every layer of at least 16 channels gains.
    """
    if dtype == "float16" or not kernel:
        return True
    if training and not amx:
        return groups == 1 and channels % BLOCK == 0
    if filters % BLOCK or channels % BLOCK:
        return False
    return not training or (groups == 1 and channels * math.prod(kernel) >= _LEAST_PRODUCTS)
