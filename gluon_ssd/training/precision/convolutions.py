"""Which convolutions of a network stay float32 when it trains in mixed precision, and why.

oneDNN 2.4.4, the library inside MXNet 1.9.1, computes a wrong weight gradient in bfloat16 where the
input of a strided convolution is smaller than its stride, as 1x1 under a 3x3 kernel with stride 2:
the result holds memory that was never written. The outputs and the other gradients are right, so
the loss looks normal while the weights go astray. With 1x1 kernels, or with stride 1, it is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gluon_ssd.models.low_precision import BLOCK, gains


@dataclass(frozen=True)
class Convolution:
    """One convolution of a network.

    Attributes:
        name: of its node in the symbol.
        input_shape: (C, H, W) of what it reads.
        kernel, stride: (height, width).
        num_filter: output channels.
        num_group: groups of channels.
    """

    name: str
    input_shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    num_filter: int
    num_group: int = 1

    @property
    def has_wrong_gradient(self) -> bool:
        """Whether its weight gradient in bfloat16 is wrong, whatever the batch size."""
        sides = zip(self.input_shape[1:], self.stride, strict=True)
        return max(self.kernel) > 1 and any(side < stride for side, stride in sides)

    @property
    def gains_by_padding(self) -> bool:
        """Whether float32 on a CPU is faster with filters of zeros up to a multiple of 16.

        Measured with AVX-512, forward and backward, at 512 and 1024 input channels: 36, 84, 126,
        250 and 324 filters became 1.1 to 2.6 times faster, and 24 slower in half of the cases.
        """
        return self.num_group == 1 and self.num_filter > 2 * BLOCK and self.num_filter % BLOCK > 0

    def gains(self, dtype: str, *, amx: bool) -> bool:
        """Whether training is faster with this convolution in another type, with AMX or without."""
        return gains(
            dtype,
            filters=self.num_filter,
            channels=self.input_shape[0],
            kernel=self.kernel,
            groups=self.num_group,
            training=True,
            amx=amx,
        )


def convolutions(symbol: Any, image_shape: tuple[int, int, int]) -> Iterator[Convolution]:
    """Every two-dimensional convolution of a symbol, whose input "data" holds such images."""
    internals = symbol.get_internals()
    for node in json.loads(symbol.tojson())["nodes"]:
        if node["op"] != "Convolution":
            continue
        source = internals[f"{node['name']}_output"].get_children()[0]
        _, (shape,), _ = source.infer_shape(data=(1, *image_shape))
        attributes = node["attrs"]
        yield Convolution(
            name=node["name"],
            input_shape=(shape[1], shape[2], shape[3]),
            kernel=_pair(attributes["kernel"]),
            stride=_pair(attributes.get("stride", "(1, 1)")),
            num_filter=int(attributes["num_filter"]),
            num_group=int(attributes.get("num_group", 1)),
        )


def _pair(text: str) -> tuple[int, int]:
    height, width = (int(part) for part in text.strip("()[] ").split(",") if part.strip())
    return height, width


@dataclass(frozen=True)
class Split:
    """What becomes of the convolutions of a network.

    Attributes:
        low: names of those that compute in low precision.
        faulty: names of those that stay float32 because their gradient would be wrong.
        slow: names of those that stay float32 because they gain nothing.
        padded: names of those whose filters are filled up to a multiple of oneDNN's 16.
    """

    low: tuple[str, ...]
    faulty: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    padded: tuple[str, ...] = ()

    @property
    def kept(self) -> list[str]:
        """Names of all that stay float32."""
        return [*self.faulty, *self.slow]

    def describe(self, dtype: str) -> str:
        """One line for the log."""
        total = len(self.low) + len(self.kept)
        text = f"AMP: {len(self.low)} of {total} convolutions in {dtype}"
        text += ", losses and weights in float32"
        if self.slow:
            text += f"; {len(self.slow)} stay float32 because they would not gain"
        if self.faulty:
            text += (
                f"; {', '.join(self.faulty)} stay float32 because oneDNN's bfloat16 gradient is "
                "wrong for an input smaller than the stride"
            )
        return text


def split_convolutions(found: Iterable[Convolution], dtype: str, *, amx: bool = True) -> Split:
    """Sort convolutions; float16 runs on GPUs, where no reason to leave one out holds."""
    every = list(found)
    if dtype == "float16":
        return Split(tuple(each.name for each in every))
    faulty = [each for each in every if each.has_wrong_gradient]
    slow = [each for each in every if not each.gains(dtype, amx=amx) and each not in faulty]
    low = [each for each in every if each not in faulty and each not in slow]
    padded = [each for each in low if each.num_filter % BLOCK]
    padded += [each for each in (*faulty, *slow) if each.gains_by_padding]
    return Split(*(tuple(each.name for each in part) for part in (low, faulty, slow, padded)))
