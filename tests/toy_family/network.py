"""The network of the toy family: three convolutions, two levels, a score of its own per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.detection.anchors import anchor_grid
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.models.interface import Network
from tests.toy_family.spec import ToySpec

nn = mx.gluon.nn


def toy_anchors(spec: ToySpec, input_size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Square anchors of both levels, float32 (A, 4), centre form, px."""
    height, width = input_size_hw
    levels = [
        anchor_grid((height // stride, width // stride), stride, [(side, side) for side in sides])
        for stride, sides in zip(spec.strides, spec.sides, strict=True)
    ]
    return np.concatenate([level.reshape(-1, 4) for level in levels]).astype(np.float32)


class ToyNetwork(Network, mx.gluon.HybridBlock):
    """See `Network`; its parameters are named like nobody else's."""

    spec: ToySpec

    def __init__(
        self,
        spec: ToySpec,
        classes: Sequence[str],
        *,
        norm_layer: Any = nn.BatchNorm,
        norm_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.classes = spec, tuple(classes)
        with self.name_scope():
            self.fine = self._stage(norm_layer, norm_kwargs, (16, 16, 64))
            self.coarse = self._stage(norm_layer, norm_kwargs, (32,))
            counts = [len(sides) for sides in spec.sides]
            self.which = nn.HybridSequential()
            self.where = nn.HybridSequential()
            for count in counts:
                self.which.add(nn.Conv2D(count * len(self.classes), 3, padding=1))
                self.where.add(nn.Conv2D(count * 4, 3, padding=1))
            grid = toy_anchors(spec, spec.input_size_hw)[None]
            self.grid = self.params.get_constant("grid", grid)

    @staticmethod
    def _stage(norm_layer: Any, norm_kwargs: Any, channels: tuple[int, ...]) -> Any:
        stage = nn.HybridSequential()
        for count in channels:
            stage.add(nn.Conv2D(count, 3, 2, padding=1, use_bias=False))
            stage.add(norm_layer(**(norm_kwargs or {})), nn.Activation("relu"))
        return stage

    def hybrid_forward(self, F: Any, x: Any, grid: Any) -> tuple[Any, Any, Any]:
        """Class logits without a background, box offsets and anchors."""
        fine = self.fine(x)
        maps = (fine, self.coarse(fine))
        logits = F.concat(*map(_flat, [F] * 2, self.which, maps), dim=1)
        offsets = F.concat(*map(_flat, [F] * 2, self.where, maps), dim=1)
        return (
            F.reshape(logits, (0, -1, len(self.classes))),
            F.reshape(offsets, (0, -1, 4)),
            F.identity(grid),
        )

    def anchors(self, input_size_hw: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """See `Network.anchors`."""
        return toy_anchors(self.spec, input_size_hw or self.input_size_hw)

    def converted(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """See `Network.converted`; the published files write `toy/which/0/weight`."""
        plain = {name.removeprefix("toy/").replace("/", "."): a for name, a in arrays.items()}
        return super().converted(plain)

    def class_heads(self) -> dict[str, int]:
        """See `Network.class_heads`."""
        return {
            name: len(self.spec.sides[int(name.split(".")[1])])
            for name in parameters_of(self)
            if name.startswith("which.")
        }


def _flat(F: Any, head: Any, features: Any) -> Any:
    return F.flatten(F.transpose(head(features), (0, 2, 3, 1)))
