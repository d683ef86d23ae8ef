"""What is known of a network by its name, before any framework is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.data.class_names import CLASSES_OF_DATASET
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.input_format import RESIZES, InputFormat
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The record of a name; each family adds the numbers that its networks are built from.

    Attributes:
        name: the registry name.
        family: key of `families.build.FAMILIES`.
        network: the `--network` part of the name.
        dataset: "voc", "coco" or "custom"; decides the default classes.
        input_size_hw: nominal (height, width), px.
        mean, std: normalisation of RGB in 0..1.
        any_size: whether it takes inputs of other sizes, of which it has other anchors.
        layout, channel_order, value_range, resize, edge_px: as of `ModelRecord`.
        decoding: how raw outputs become detections.
        augmentation: key of `data.augment.policies.POLICIES` that it was published with.
        weights_name: name under which detector weights are published; empty if none are.
        base_weights_name: the same of ImageNet weights for the backbone.
        int8_of: the fp32 network whose published int8 form this name stands for; else empty.
    """

    name: str
    family: str
    network: str
    dataset: str
    input_size_hw: tuple[int, int]
    any_size: bool = False
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    layout: str = "NCHW"
    channel_order: str = "RGB"
    value_range: float = 255.0
    resize: str = RESIZES[0]
    edge_px: int = 1
    decoding: Decoding = Decoding()
    augmentation: str = "legacy"
    weights_name: str = ""
    base_weights_name: str = ""
    int8_of: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of the published data set; none for a network of one's own classes."""
        return CLASSES_OF_DATASET.get(self.dataset, ())

    def input_format(self, input_size_hw: tuple[int, int] | None = None) -> InputFormat:
        """How images become its input of a size, px, nominal by default."""
        return InputFormat(input_size_hw or self.input_size_hw, self.mean, self.std, self.resize)
