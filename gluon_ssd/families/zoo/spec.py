"""What every SSD network is made of: one frozen record per name.

Numbers are those of the GluonCV model zoo, so that its published weights fit, except where a
comment says otherwise. The table is read by people: a name maps to its record, nothing is derived
from the spelling of a name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gluon_ssd.models.spec import Spec

_R3 = (1.0, 2.0, 0.5)
_R5 = (1.0, 2.0, 0.5, 3.0, 1.0 / 3)


@dataclass(frozen=True, kw_only=True)
class ZooSpec(Spec):
    """Everything that tells one SSD network of the zoo from another.

    Attributes:
        backbone: GluonCV name of the ImageNet network; "vgg16_atrous" and "resnet34_v1b" have
            an extractor of their own, all others grow extra layers behind their taps.
        taps: layers of the backbone that feed the first heads; empty for own extractors.
        filters: channels of the extra layers; empty for own extractors.
        sizes: anchor scale of each level and one more, px.
        ratios: anchor ratios of each level.
        steps: cell distance of each level, px.
        reduce_ratio, min_depth: width of the 1x1 convolution before each extra layer.
        predictor_kernel: side of the head convolutions, 3 or 1.
        lite: whether anchors follow the `lite` order.
    """

    backbone: str
    taps: tuple[str, ...] = ()
    filters: tuple[int, ...] = ()
    sizes: tuple[float, ...]
    ratios: tuple[tuple[float, ...], ...]
    steps: tuple[int, ...]
    reduce_ratio: float = 1.0
    min_depth: int = 128
    predictor_kernel: int = 3
    lite: bool = False


_MOBILENET_TAPS = ("relu22_fwd", "relu26_fwd")  # strides 16 and 32

_SSD_300 = ZooSpec(
    name="",
    family="zoo",
    network="",
    dataset="",
    input_size_hw=(300, 300),
    backbone="",
    sizes=(21.0, 45.0, 99.0, 153.0, 207.0, 261.0, 315.0),
    ratios=(_R3, _R5, _R5, _R5, _R3, _R3),
    steps=(8, 16, 32, 64, 100, 300),
)
_SSD_512_SIX = replace(
    _SSD_300,
    input_size_hw=(512, 512),
    filters=(512, 512, 256, 256),
    sizes=(51.2, 102.4, 189.4, 276.4, 363.52, 450.6, 492.0),
    steps=(16, 32, 64, 128, 256, 512),
)
_SSD_512_SEVEN = replace(
    _SSD_512_SIX,
    sizes=(51.2, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6),
    ratios=(_R3, _R5, _R5, _R5, _R5, _R3, _R3),
    steps=(8, 16, 32, 64, 128, 256, 512),
)

_VGG_300 = replace(_SSD_300, backbone="vgg16_atrous")
_VGG_512 = replace(_SSD_512_SEVEN, backbone="vgg16_atrous", filters=())
_R18_512 = replace(
    _SSD_512_SIX, backbone="resnet18_v1", taps=("stage3_activation1", "stage4_activation1")
)
_R50_512 = replace(
    _SSD_512_SIX, backbone="resnet50_v1", taps=("stage3_activation5", "stage4_activation2")
)
_R50_512_COCO = replace(_R50_512, sizes=(51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72))
# The two v2 networks tap narrow tensors inside a block, since a v2 bottleneck has three
# activations. Published weights need exactly these; `stage_end` has what was meant.
_R101_512 = replace(
    _SSD_512_SIX, backbone="resnet101_v2", taps=("stage3_activation22", "stage4_activation2")
)
_R152_512 = replace(
    _SSD_512_SEVEN,
    backbone="resnet152_v2",
    taps=("stage2_activation7", "stage3_activation35", "stage4_activation2"),
)
# A v2 stage ends in a sum without activation; the next stage's first batch norm and activation
# belong to it, and the last stage's are those before the pooling.
_R101_512_STAGE_END = replace(_R101_512, taps=("stage4_activation0", "relu1_fwd"))
_R152_512_STAGE_END = replace(
    _R152_512, taps=("stage3_activation0", "stage4_activation0", "relu1_fwd")
)
_MOBILENET_512 = replace(_SSD_512_SIX, backbone="mobilenet1.0", taps=_MOBILENET_TAPS)
# Not in the zoo. Its maps are those of mobilenet0.25 (19 to 1), so are its anchors.
_MOBILENET_300 = replace(
    _SSD_300,
    backbone="mobilenet1.0",
    taps=_MOBILENET_TAPS,
    filters=(512, 512, 256, 256),
    steps=(16, 32, 64, 100, 150, 300),
)
# The zoo gives steps 8, 16, ... to maps of stride 16, 32, ..., so that its anchors cover a quarter
# of the image. No weights were published, so the steps are those of the maps here.
_QUARTER_300 = replace(_MOBILENET_300, backbone="mobilenet0.25", filters=(256, 256, 128, 128))
# Not in the zoo: for quick tries from random weights; see tiny.py.
_TINY_160 = replace(
    _SSD_300,
    input_size_hw=(160, 160),
    backbone="tiny",
    sizes=(16.0, 28.0, 48.0, 72.0, 96.0, 124.0, 150.0),
    steps=(8, 16, 32, 53, 80, 160),
)
_MOBILENET_LITE_300 = replace(
    _MOBILENET_300,
    filters=(512, 256, 256, 128),
    sizes=(60.0, 105.0, 150.0, 195.0, 240.0, 285.0, 300.0),
    ratios=(_R3, _R5, _R5, _R5, _R5, _R5),
    steps=(16, 30, 60, 100, 150, 300),
    reduce_ratio=0.5,
    min_depth=64,
    predictor_kernel=1,
    lite=True,
)
_R34_300 = replace(_SSD_300, backbone="resnet34_v1b")


def _named(
    network: str, published: tuple[str, ...] = (), **prototypes: ZooSpec
) -> tuple[ZooSpec, ...]:
    """The networks of one `--network` word, from data sets with weights in the zoo, and numbers."""

    def named(dataset: str, prototype: ZooSpec) -> ZooSpec:
        name = f"ssd_{prototype.input_size_hw[0]}_{network}_{dataset}"
        return replace(
            prototype,
            name=name,
            network=network,
            dataset=dataset,
            weights_name=name if dataset in published else "",
            # The tiny network has no ImageNet weights.
            base_weights_name="" if prototype.backbone == "tiny" else prototype.backbone,
        )

    return tuple(named(*each) for each in prototypes.items())


_VGG_300_VOC = replace(_VGG_300, sizes=(30.0, 60.0, 111.0, 162.0, 213.0, 264.0, 315.0))
_VOC, _BOTH = ("voc",), ("voc", "coco")

_NETWORKS: tuple[ZooSpec, ...] = (
    *_named("vgg16_atrous", _BOTH, voc=_VGG_300_VOC, coco=_VGG_300, custom=_VGG_300),
    *_named("vgg16_atrous", _BOTH, voc=_VGG_512, coco=_VGG_512, custom=_VGG_512),
    *_named("resnet18_v1", voc=_R18_512, coco=_R18_512, custom=_R18_512),
    *_named("resnet50_v1", _BOTH, voc=_R50_512, coco=_R50_512_COCO, custom=_R50_512_COCO),
    *_named("mobilenet1.0", _BOTH, voc=_MOBILENET_512, coco=_MOBILENET_512, custom=_MOBILENET_512),
    *_named("resnet101_v2", _VOC, voc=_R101_512),
    *_named("resnet152_v2", voc=_R152_512),
    # The same with features from the ends of the stages, where the published ones were meant to be.
    *_named("resnet101_v2_stage_end", voc=_R101_512_STAGE_END),
    *_named("resnet152_v2_stage_end", voc=_R152_512_STAGE_END),
    *_named("mobilenet1.0_lite", coco=_MOBILENET_LITE_300),
    *_named("mobilenet1.0", voc=_MOBILENET_300, coco=_MOBILENET_300, custom=_MOBILENET_300),
    *_named("mobilenet0.25", voc=_QUARTER_300, coco=_QUARTER_300, custom=_QUARTER_300),
    *_named("tiny", custom=_TINY_160),
    *_named("resnet34_v1b", ("coco",), voc=_R34_300, coco=_R34_300, custom=_R34_300),
)

# Published quantised graphs; they share the weights of the fp32 network.
_INT8_OF = (
    "ssd_300_vgg16_atrous_voc",
    "ssd_512_vgg16_atrous_voc",
    "ssd_512_resnet50_v1_voc",
    "ssd_512_mobilenet1.0_voc",
)

SPECS: tuple[ZooSpec, ...] = (
    *_NETWORKS,
    *(
        replace(spec, name=f"{spec.name}_int8", int8_of=spec.name)
        for spec in _NETWORKS
        if spec.name in _INT8_OF
    ),
)
