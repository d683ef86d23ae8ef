"""RetinaNet with a residual backbone and a feature pyramid, as MLPerf training has it.

The blocks are called as the published code calls them, so that structural names are those of its
weights but for the words of batch norm.

Sources: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", arXiv:1708.02002, section 4;
widths, frozen parts and first values are those of the published training code.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.families.retinanet.anchors import cell_boxes, pyramid_anchors
from gluon_ssd.families.retinanet.convert import our_name, published_name
from gluon_ssd.families.retinanet.spec import RetinaSpec
from gluon_ssd.models.anchor_rows import rows_of_anchors
from gluon_ssd.models.backbones.pyramid import FeaturePyramid, pyramid_sizes
from gluon_ssd.models.backbones.resnet import ResNet, resnet_spec
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.models.interface import Network

nn = mx.gluon.nn

_TOWER_LAYERS = 4
_FROZEN_NORM = {"epsilon": 1e-5, "use_global_stats": True}
_LAYERS = ("layer4", "layer3", "layer2", "layer1", "conv1")  # batch norms are frozen anyway
_HEAD_STD = 0.01
_FIRST_SCORE = 0.01


class RetinaNet(Network, mx.gluon.HybridBlock):
    """See `Network`; any input size will do.

    Batch norms are frozen: statistics, scales and shifts stay as they are loaded, in training too.
    So there is nothing that devices could share, and other batch norms are of no use.

    Args:
        spec: the numbers.
        classes: names of the classes; there is none for the background.
        norm_layer, norm_kwargs: not used.
    """

    spec: RetinaSpec
    base_pattern = r"backbone\.body\."

    def __init__(
        self,
        spec: RetinaSpec,
        classes: Sequence[str],
        *,
        norm_layer: Any = None,
        norm_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.classes = spec, tuple(classes)
        cells = cell_boxes(spec.areas, spec.ratios)
        self.shapes_per_cell = cells.shape[1]
        with self.name_scope():
            self.backbone = _Backbone(spec.backbone)
            self.head = _Heads(self.shapes_per_cell, len(self.classes))
            self.cells = self.params.get_constant("cells", cells)

    def hybrid_forward(self, F: Any, x: Any, cells: Any) -> tuple[Any, Any, Any]:
        """Class logits, box offsets and anchors, in training and in inference."""
        maps = self.backbone(x)
        logits, offsets = self.head(*maps)
        anchors = [_level(F, x, map_, cells, level) for level, map_ in enumerate(maps)]
        return (
            F.concat(*(rows_of_anchors(F, map_, len(self.classes)) for map_ in logits), dim=1),
            F.concat(*(rows_of_anchors(F, map_, 4) for map_ in offsets), dim=1),
            F.concat(*anchors, dim=1),
        )

    def anchors(self, input_size_hw: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """See `Network.anchors`; the cells are constants, which a file may have replaced."""
        size_hw = input_size_hw or self.input_size_hw
        cells = self.cells.value if self.cells._data is None else self.cells.data()
        return pyramid_anchors(cells.asnumpy(), pyramid_sizes(size_hw), size_hw)

    def num_anchors(self, input_size_hw: tuple[int, int] | None = None) -> int:
        """See `Network.num_anchors`."""
        return sum(self.level_anchors(input_size_hw or self.input_size_hw))

    def level_anchors(self, input_size_hw: tuple[int, int]) -> tuple[int, ...]:
        """See `Network.level_anchors`."""
        sizes = pyramid_sizes(input_size_hw)
        return tuple(rows * columns * self.shapes_per_cell for rows, columns in sizes)

    def anchor_constants(self) -> tuple[str, ...]:
        """See `Network.anchor_constants`."""
        return ("cells",)

    def class_heads(self) -> Mapping[str, int]:
        """See `Network.class_heads`."""
        output = "head.classification_head.cls_logits"
        return {f"{output}.{kind}": self.shapes_per_cell for kind in ("weight", "bias")}

    def freeze_base(self) -> None:
        """See `Network.freeze_base`; `spec.trained_layers` of the backbone stay trained."""
        frozen = _LAYERS[self.spec.trained_layers :]
        for name, parameter in parameters_of(self.backbone.body).items():
            if name.split(".")[0] in frozen:
                parameter.grad_req = "null"

    def converted(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """See `Network.converted`; published files have torchvision's names."""
        return super().converted({our_name(name): array for name, array in arrays.items()})

    def published(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See `Network.published`; the anchors of a cell are no part of it."""
        constants = self.anchor_constants()
        return {published_name(n): array for n, array in arrays.items() if n not in constants}

    def first_value(self, name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
        """See `Network.first_value` and `retina_value`."""
        return retina_value(name, shape, seed, sum(resnet_spec(self.spec.backbone).blocks))


def retina_value(
    name: str, shape: tuple[int, ...], seed: int, residual_blocks: int
) -> NDArray[np.float32]:
    """First value of a parameter.

    Heads: normal with deviation 0.01, and the bias with which every class has the score 0.01
    (arXiv:1708.02002, section 4.1). Pyramid: uniform within the root of 3 / fan-in. Biases 0.

    The backbone is meant to start from ImageNet weights. Its batch norms do not normalise, so
    random weights must keep numbers in range by themselves: normal, variance 2 / fan-in, where
    fan-in counts the channels of a group. A block adds its branch to what it was given; after n
    blocks with branches as large as their inputs the variance would be 2^n. The last convolution
    of a branch has variance 1 / (n fan-in), so that the sum grows by (1 + 1 / n)^n < e in all.

    Args:
        name: structural name.
        shape: its full shape.
        seed: any integer >= 0.
        residual_blocks: n.

    Returns:
        float32 of that shape.
    """
    if name.endswith(("gamma", "running_var")):
        return np.ones(shape, np.float32)
    if name.endswith("cls_logits.bias"):
        return np.full(shape, -math.log((1 - _FIRST_SCORE) / _FIRST_SCORE), np.float32)
    if name.endswith(("beta", "running_mean", "bias")):
        return np.zeros(shape, np.float32)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    fan_in = math.prod(shape[1:])
    if name.startswith("backbone.fpn."):
        bound = math.sqrt(3 / fan_in)
        return rng.uniform(-bound, bound, shape).astype(np.float32)
    if name.startswith("head."):
        std = _HEAD_STD
    else:
        std = math.sqrt((1 / residual_blocks if name.endswith("conv3.weight") else 2) / fan_in)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(std)


class _Backbone(mx.gluon.HybridBlock):
    """Images -> P3 to P7."""

    def __init__(self, name: str) -> None:
        super().__init__()
        spec = resnet_spec(name)
        with self.name_scope():
            self.body = ResNet(spec, norm_kwargs=_FROZEN_NORM)
            self.fpn = FeaturePyramid([spec.channels(stage) for stage in (1, 2, 3)])
        for parameter in self.body.collect_params(".*(gamma|beta)").values():
            parameter.grad_req = "null"

    def hybrid_forward(self, F: Any, x: Any) -> Sequence[Any]:
        maps: Sequence[Any] = self.fpn(*self.body(x)[1:])
        return maps


class _Heads(mx.gluon.HybridBlock):
    """P3 to P7 -> class logits of all levels, box offsets of all levels, as they are convolved."""

    def __init__(self, shapes: int, classes: int) -> None:
        super().__init__()
        with self.name_scope():
            self.classification_head = _Subnet("cls_logits", shapes * classes)
            self.regression_head = _Subnet("bbox_reg", shapes * 4)

    def hybrid_forward(self, F: Any, x: Any, *coarser: Any) -> tuple[Any, Any]:
        return self.classification_head(x, *coarser), self.regression_head(x, *coarser)


class _Subnet(mx.gluon.HybridBlock):
    """Four convolutions with ReLU and one without, the same ones at every level."""

    def __init__(self, output: str, rows: int, width: int = 256) -> None:
        super().__init__()
        self._output = output
        with self.name_scope():
            self.conv = nn.HybridSequential()
            for number in range(_TOWER_LAYERS):
                # Published layers are counted together with the ReLUs between them.
                self.conv.register_child(_SharedConvolution(width, width), str(2 * number))
            setattr(self, output, _SharedConvolution(rows, width))

    def hybrid_forward(self, F: Any, x: Any, *coarser: Any) -> Sequence[Any]:
        maps = [x, *coarser]
        for convolve in self.conv:
            maps = [F.Activation(map_, act_type="relu") for map_ in convolve(*maps)]
        outputs: Sequence[Any] = getattr(self, self._output)(*maps)
        return outputs


class _SharedConvolution(mx.gluon.nn.Conv2D):
    """One 3x3 convolution for several maps; in a graph each has a name of its own.

    A block that is called once for every map gives all of its nodes the same name, by which
    calibration, mixed precision and pictures of the graph could not tell them apart.
    """

    def __init__(self, rows: int, before: int) -> None:
        super().__init__(rows, 3, padding=1, in_channels=before)

    def hybrid_forward(self, F: Any, x: Any, *coarser: Any, **params: Any) -> list[Any]:
        weight, bias = params["weight"], params["bias"]
        return [
            F.Convolution(map_, weight, bias, name=f"level{level}_fwd", **self._kwargs)
            for level, map_ in enumerate((x, *coarser))
        ]

    def _alias(self) -> str:
        return "conv"


def _level(F: Any, image: Any, map_: Any, cells: Any, level: int) -> Any:
    """Anchors (1, A, 4) of a level, centre form, px; see `pyramid_anchors`."""
    along = []
    for axis in (2, 3):
        places = F.contrib.arange_like(map_, axis=axis)
        pixels = F.contrib.arange_like(image, axis=axis)
        stride = F.floor(F.broadcast_div(_count(F, pixels), _count(F, places)))
        along.append(F.broadcast_mul(places, stride))
    y, x = F.reshape(along[0], (-1, 1, 1, 1)), F.reshape(along[1], (1, -1, 1, 1))
    nothing = F.zeros_like(F.broadcast_add(x, y))  # (H, W, 1, 1)
    centers = F.concat(
        F.broadcast_add(nothing, x), F.broadcast_add(nothing, y), nothing, nothing, dim=3
    )
    cell = F.slice_axis(cells, axis=0, begin=level, end=level + 1)  # (1, K, 4)
    grid = F.broadcast_add(centers, F.expand_dims(cell, axis=0))  # (H, W, K, 4)
    return F.reshape(grid, shape=(1, -1, 4))


def _count(F: Any, numbers: Any) -> Any:
    # 0, 1, ..., n - 1 -> n
    return F.max(numbers, axis=0, keepdims=True) + 1
