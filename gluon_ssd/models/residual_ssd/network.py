"""SSD on three stages of a residual network: NVIDIA's SSD300, MLPerf's SSD-ResNet34 and others.

The third stage keeps the stride of the second one, 8, and feeds the first heads; five extra blocks
of two convolutions feed the others. Boxes are ordered level, shape, row, column.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.detection.default_boxes import default_boxes
from gluon_ssd.errors import ModelError
from gluon_ssd.models.backbones.resnet import ResNet, resnet_spec
from gluon_ssd.models.first_weights import convolution_value, parameters_of
from gluon_ssd.models.interface import Network
from gluon_ssd.models.residual_ssd.published import from_published, to_published
from gluon_ssd.models.residual_ssd.spec import ResidualSsdSpec

nn = mx.gluon.nn

_STRIDES = (1, 2, 1)  # of the stages; a classifier has 2 in the third one


def boxes_of(spec: ResidualSsdSpec) -> NDArray[np.float32]:
    """The default boxes of a network, float32 (A, 4), centre form, fractions of the input."""
    return default_boxes(
        spec.input_size_hw[0],
        cells=spec.cells,
        steps=spec.steps,
        scales=spec.scales,
        ratios=spec.ratios,
        whole_cells=spec.whole_cells,
    )


class ResidualSsd(Network, mx.gluon.HybridBlock):
    """See `Network`; it takes images of its nominal size only."""

    spec: ResidualSsdSpec

    def __init__(
        self,
        spec: ResidualSsdSpec,
        classes: Sequence[str],
        *,
        norm_layer: Any = nn.BatchNorm,
        norm_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.classes = spec, tuple(classes)
        rows = len(self.classes) + 1
        trunk = resnet_spec(spec.backbone, _STRIDES)
        with self.name_scope():
            self.backbone = ResNet(trunk, norm_layer=norm_layer, norm_kwargs=norm_kwargs)
            channels = [trunk.channels(len(_STRIDES) - 1), *spec.block_channels]
            self.extras = nn.HybridSequential()
            for number in range(len(spec.block_channels)):
                norm = (norm_layer, norm_kwargs or {}) if spec.detector_bn else None
                self.extras.add(_ExtraBlock(spec, number, channels[number], norm))
            self.box_predictors = nn.HybridSequential()
            self.class_predictors = nn.HybridSequential()
            for shapes, before in zip(spec.shapes_of_level, channels, strict=True):
                self.box_predictors.add(_head(shapes * 4, before, spec.head_stride))
                self.class_predictors.add(_head(shapes * rows, before, spec.head_stride))
            anchors = boxes_of(spec) * np.float32(spec.input_size_hw[0])
            self.default_boxes = self.params.get_constant("default_boxes", anchors[None])

    def hybrid_forward(self, F: Any, x: Any, default_boxes: Any) -> tuple[Any, Any, Any]:
        """Class logits with the background, box offsets and anchors."""
        maps = [self.backbone(x)[-1]]
        for block in self.extras:
            maps.append(block(maps[-1]))
        logits, offsets = [], []
        levels = zip(maps, self.class_predictors, self.box_predictors, strict=True)
        for shapes, (features, classes, boxes) in zip(
            self.spec.shapes_of_level, levels, strict=True
        ):
            logits.append(_shape_major(F, classes(features), shapes, len(self.classes) + 1))
            offsets.append(_shape_major(F, boxes(features), shapes, 4))
        return F.concat(*logits, dim=1), F.concat(*offsets, dim=1), F.identity(default_boxes)

    def anchors(self, input_size_hw: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """See `Network.anchors`; they come from the constant, which a file may have replaced.

        Raises:
            ModelError: the size is not the nominal one.
        """
        if input_size_hw is not None and tuple(input_size_hw) != self.input_size_hw:
            height, width = input_size_hw
            raise ModelError(
                f"{self.name} has no boxes for {height} x {width} pixels; give it images of "
                f"{self.input_size_hw[0]} x {self.input_size_hw[1]}"
            )
        constant = self.default_boxes
        values = constant.value if constant._data is None else constant.data()
        anchors: NDArray[np.float32] = values.asnumpy()[0]
        return anchors

    def class_heads(self) -> dict[str, int]:
        """See `Network.class_heads`."""
        return {
            name: self.spec.shapes_of_level[int(name.split(".")[1])]
            for name in parameters_of(self)
            if name.startswith("class_predictors.")
        }

    def anchor_constants(self) -> list[str]:
        """See `Network.anchor_constants`."""
        return ["default_boxes"]

    def first_value(self, name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
        """See `Network.first_value`.

        Convolutions behind the backbone are uniform Xavier by the average fan; their biases are
        uniform within 1 / sqrt(fan in), as PyTorch leaves them.
        """
        kind = name.rpartition(".")[2]
        if name.startswith("backbone.") or kind not in ("weight", "bias"):
            return convolution_value(name, shape, seed, is_head=False)
        weight = parameters_of(self)[f"{name.rpartition('.')[0]}.weight"].shape
        fan_in = math.prod(weight[1:])
        bound = 1 / math.sqrt(fan_in)
        if kind == "weight":
            bound = math.sqrt(6 / (fan_in + shape[0] * math.prod(shape[2:])))
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    def converted(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """See `Network.converted`."""
        taken = from_published(self.spec, arrays, parameters_of(self))
        return super().converted(arrays) if taken is None else taken

    def published(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See `Network.published`."""
        return to_published(self.spec, arrays)


class _ExtraBlock(mx.gluon.HybridBlock):
    """A 1x1 and a 3x3 convolution, each with a bias or a batch norm, and ReLU."""

    def __init__(
        self,
        spec: ResidualSsdSpec,
        number: int,
        before: int,
        norm: tuple[Any, dict[str, Any]] | None,
    ) -> None:
        super().__init__()
        width, after = spec.block_widths[number], spec.block_channels[number]
        stride, padding = spec.block_strides[number], spec.block_paddings[number]
        bias = {"use_bias": norm is None}
        with self.name_scope():
            self.conv1 = nn.Conv2D(width, 1, in_channels=before, **bias)
            self.bn1 = norm and norm[0](in_channels=width, **norm[1])
            self.conv2 = nn.Conv2D(after, 3, stride, padding, in_channels=width, **bias)
            self.bn2 = norm and norm[0](in_channels=after, **norm[1])

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The features of one level -> those of the next."""
        for convolution, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2)):
            x = convolution(x)
            x = F.Activation(x if norm is None else norm(x), act_type="relu")
        return x


def _head(channels: int, before: int, stride: int) -> Any:
    return nn.Conv2D(channels, 3, stride, 1, in_channels=before)


def _shape_major(F: Any, head: Any, shapes: int, columns: int) -> Any:
    """(B, shapes * columns, H, W) -> (B, shapes * H * W, columns), one block to copy a shape."""
    apart = F.reshape(head, (0, shapes, columns, -1))
    return F.reshape(F.transpose(apart, (0, 1, 3, 2)), (0, -1, columns))
