"""GluonCV's zoo networks behind one interface: raw head outputs, whatever the mode.

GluonCV's object returns logits while autograd records and detections otherwise, but a hybridised
graph is traced once, so that the second mode gets the first one's outputs. Here the network always
returns logits, offsets and anchors; `gluon_ssd.detection.decoder` makes detections of them. One
graph serves training and inference.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.detection.anchors import Shapes, anchor_grid, lite_shapes, ssd_shapes
from gluon_ssd.families.zoo.mxnet_ssd import PIXEL_MEAN, SIZES_PX, from_mxnet_ssd, is_mxnet_ssd
from gluon_ssd.families.zoo.spec import ZooSpec
from gluon_ssd.families.zoo.tiny import TinyFeatures
from gluon_ssd.models.anchor_rows import rows_of_anchors
from gluon_ssd.models.download import WeightStore
from gluon_ssd.models.first_weights import convolution_value, parameters_of, quiet_symbol_blocks
from gluon_ssd.models.interface import Network, Normalization

with warnings.catch_warnings():
    # GluonCV's own imports of distutils and pkg_resources; users can do nothing about them.
    warnings.simplefilter("ignore", DeprecationWarning)
    from gluoncv.model_zoo import get_model, model_store, quantized
    from gluoncv.model_zoo.ssd.anchor import LiteAnchorGenerator, SSDAnchorGenerator
    from gluoncv.model_zoo.ssd.resnet_v1b_ssd import resnet34_v1b_ssd
    from gluoncv.model_zoo.ssd.ssd import SSD
    from gluoncv.model_zoo.ssd.vgg_atrous import vgg16_atrous_300, vgg16_atrous_512

_EXTRACTORS = {
    ("vgg16_atrous", 300): vgg16_atrous_300,
    ("vgg16_atrous", 512): vgg16_atrous_512,
    ("resnet34_v1b", 300): resnet34_v1b_ssd,
    ("tiny", 160): TinyFeatures,
}


STORE = WeightStore(model_store._model_sha1, model_store.apache_repo_url)


class _Anchors(SSDAnchorGenerator):
    """GluonCV's generator with the grid made by NumPy instead of nested loops."""

    _shapes_of = staticmethod(ssd_shapes)

    def _alias(self) -> str:
        return "ssdanchorgenerator"  # older files name the constants after the block

    def _generate_anchors(
        self,
        sizes: tuple[float, float],
        ratios: Sequence[float],
        step: float,
        alloc_size: tuple[int, int],
        offsets: tuple[float, float],
    ) -> NDArray[np.float64]:
        shapes: Shapes = self._shapes_of(sizes, ratios, self._index)
        # (height, width, shapes, 4) -> (1, 1, height, width, shapes * 4)
        return anchor_grid(alloc_size, step, shapes).reshape(1, 1, *alloc_size, -1)


class _LiteAnchors(_Anchors, LiteAnchorGenerator):
    _shapes_of = staticmethod(lite_shapes)

    def _alias(self) -> str:
        return "liteanchorgenerator"


_HEADS = "class_predictors."
_L2_NORM_SCALE = 20.0  # SSD, section 3.1: conv4_3 features are scaled to norm 20


class SsdNetwork(Network, SSD):
    """A zoo SSD with GluonCV's parameter names and raw outputs; the interface is `Network`.

    Inputs of other than the nominal size work as far as the stored anchor grid reaches.
    """

    spec: ZooSpec
    base_pattern = r"features\.(?!expand_|extras|norm|init_scale|more_stages)"

    def __init__(
        self,
        spec: ZooSpec,
        classes: Sequence[str],
        *,
        norm_layer: Any = None,
        norm_kwargs: dict[str, Any] | None = None,
        prefix: str | None = None,
    ) -> None:
        side_px = spec.input_size_hw[0]
        extractor = _EXTRACTORS.get((spec.backbone, side_px))
        with quiet_symbol_blocks():
            super().__init__(
                network=None if extractor else spec.backbone,
                base_size=side_px,
                features=extractor or list(spec.taps),
                num_filters=list(spec.filters),
                sizes=list(spec.sizes),
                ratios=[list(ratios) for ratios in spec.ratios],
                steps=list(spec.steps),
                classes=tuple(classes),
                reduce_ratio=spec.reduce_ratio,
                min_depth=spec.min_depth,
                pretrained=False,  # never fetch a base; see weights.load_base
                norm_layer=norm_layer or mx.gluon.nn.BatchNorm,
                norm_kwargs=norm_kwargs,
                predictors_kernel=(spec.predictor_kernel,) * 2,
                predictors_pad=(spec.predictor_kernel // 2,) * 2,
                anchor_generator=_LiteAnchors if spec.lite else _Anchors,
                prefix=prefix,
            )
        self.spec = spec
        self.classes = tuple(classes)
        self._num_anchors: dict[tuple[int, int], int] = {}

    def hybrid_forward(self, F: Any, x: Any) -> tuple[Any, Any, Any]:
        """Class logits, box offsets and anchors, in training and in inference."""
        features = self.features(x)
        columns = self.num_classes + 1
        classes = zip(features, self.class_predictors)  # noqa: B905
        boxes = zip(features, self.box_predictors)  # noqa: B905
        logits = [rows_of_anchors(F, head(map_), columns) for map_, head in classes]
        offsets = [rows_of_anchors(F, head(map_), 4) for map_, head in boxes]
        anchors = [
            F.reshape(generator(map_), shape=(1, -1, 4))
            for map_, generator in zip(features, self.anchor_generators)  # noqa: B905
        ]
        return (
            F.concat(*logits, dim=1),
            F.concat(*offsets, dim=1),
            F.concat(*anchors, dim=1),
        )

    def feature_sizes(self, input_size_hw: tuple[int, int] | None = None) -> list[tuple[int, int]]:
        """(height, width) of every level's feature map for an input of that size."""
        height, width = input_size_hw or self.input_size_hw
        with quiet_symbol_blocks():
            maps = mx.sym.Group(list(self.features(mx.sym.var("data"))))
        _, shapes, _ = maps.infer_shape(data=(1, 3, height, width))
        return [(shape[2], shape[3]) for shape in shapes]

    def num_anchors(self, input_size_hw: tuple[int, int] | None = None) -> int:
        """How many anchors an input of that size (px, nominal by default) has."""
        height, width = input_size_hw or self.input_size_hw
        input_size_hw = (height, width)
        if input_size_hw not in self._num_anchors:
            levels = zip(self.feature_sizes(input_size_hw), self.anchor_generators, strict=True)
            count = sum(h * w * each.num_depth for (h, w), each in levels)
            self._num_anchors[input_size_hw] = count
        return self._num_anchors[input_size_hw]

    def anchors(self, input_size_hw: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """See `Network.anchors`; they come from the constants, which a file may have replaced."""
        levels = []
        sizes = self.feature_sizes(input_size_hw)
        for (height, width), generator in zip(sizes, self.anchor_generators, strict=True):
            constant = generator.anchors
            grid = (constant.value if constant._data is None else constant.data()).asnumpy()
            # (1, 1, rows, columns, shapes * 4) -> (anchors, 4)
            levels.append(grid[0, 0, :height, :width].reshape(-1, 4))
        return np.concatenate(levels).astype(np.float32)

    def class_heads(self) -> dict[str, int]:
        """See `Network.class_heads`."""
        return {
            name: self.anchor_generators[int(name.split(".")[1])].num_depth
            for name in parameters_of(self)
            if name.startswith(_HEADS)
        }

    def anchor_constants(self) -> list[str]:
        """See `Network.anchor_constants`."""
        return [name for name in parameters_of(self) if name.startswith("anchor_generators.")]

    def converted(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """See `Network.converted`; weights of MXNet's SSD example bring their anchors with them."""
        if not is_mxnet_ssd(arrays):
            return super().converted(arrays)
        return {**from_mxnet_ssd(arrays), **self._anchors_of_example()}

    def trained_normalization(self, arrays: Mapping[str, Any]) -> Normalization | None:
        """See `Network.trained_normalization`."""
        if not is_mxnet_ssd(arrays):
            return None
        return tuple(value / 255 for value in PIXEL_MEAN), self.spec.std

    def _anchors_of_example(self) -> dict[str, NDArray[np.float32]]:
        """Constants of anchors as the weights of the example were trained with, for six levels."""
        made: dict[str, NDArray[np.float32]] = {}
        if self.spec.input_size_hw != (300, 300):
            return made
        for level, generator in enumerate(self.anchor_generators):
            least, next_least = SIZES_PX[level : level + 2]
            constant = generator.anchors
            grid = generator._generate_anchors(
                (least, math.sqrt(least * next_least)),
                self.spec.ratios[level],
                self.spec.steps[level],
                constant.shape[2:4],
                (0.5, 0.5),
            )
            made[f"anchor_generators.{level}.anchors"] = grid.astype(np.float32)
        return made

    def first_value(self, name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
        """See `Network.first_value`; the learnt scale of an L2 norm starts from 20."""
        if name.endswith("scale"):
            return np.full(shape, _L2_NORM_SCALE, np.float32)
        return convolution_value(name, shape, seed, is_head="_predictors." in name)

    def _file_prefix(self) -> str:
        return r"^ssd(network)?\d+_"  # GluonCV's files too


def classification_network(backbone: str) -> Any:
    """GluonCV's ImageNet classifier of that name, without weights; nothing is fetched."""
    return get_model(backbone, pretrained=False)


def int8_form(network: SsdNetwork) -> tuple[Path, dict[str, NDArray[np.float32]]]:
    """File of the quantised graph that GluonCV ships of a network, and the arrays it wants."""
    symbol_file = Path(quantized.__file__).with_name(f"{network.name}_int8-symbol.json")
    arrays = {
        "ssd0_" + name.removeprefix(network.prefix): parameter.data().asnumpy()
        for name, parameter in network.collect_params().items()
    }
    return symbol_file, arrays
