"""Every network by name, known before any framework is loaded."""

from __future__ import annotations

from gluon_ssd.errors import OptionError

_VGG_RESNET = ("vgg16_atrous", "resnet18_v1", "resnet50_v1", "mobilenet1.0")

NETWORK_NAMES: tuple[str, ...] = (
    *(f"ssd_300_vgg16_atrous_{data}" for data in ("voc", "coco", "custom")),
    *(f"ssd_512_{base}_{data}" for base in _VGG_RESNET for data in ("voc", "coco", "custom")),
    "ssd_512_resnet101_v2_voc",
    "ssd_512_resnet152_v2_voc",
    # The same with features from the ends of the stages, where the published ones were meant to be.
    "ssd_512_resnet101_v2_stage_end_voc",
    "ssd_512_resnet152_v2_stage_end_voc",
    "ssd_300_mobilenet1.0_lite_coco",
    *(f"ssd_300_mobilenet1.0_{data}" for data in ("voc", "coco", "custom")),
    *(f"ssd_300_mobilenet0.25_{data}" for data in ("voc", "coco", "custom")),
    # Not in the zoo: learns from random weights on a CPU, for quick tries.
    "ssd_160_tiny_custom",
    *(f"ssd_300_resnet34_v1b_{data}" for data in ("voc", "coco", "custom")),
)

INT8_NAMES: tuple[str, ...] = (
    "ssd_300_vgg16_atrous_voc_int8",
    "ssd_512_vgg16_atrous_voc_int8",
    "ssd_512_resnet50_v1_voc_int8",
    "ssd_512_mobilenet1.0_voc_int8",
)

# Data sets without published networks of their own use the `custom` networks.
_NAME_OF_DATASET = {"voc": "voc", "coco": "coco", "custom": "custom", "shapes": "custom"}


def network_name(backbone: str, size: int, dataset: str) -> str:
    """Join the parts as the legacy scripts do: ``ssd_<size>_<backbone>_<dataset>``.

    Args:
        backbone: the ``--network`` token, e.g. "mobilenet1.0".
        size: the ``--data-shape``, in pixels.
        dataset: "voc", "coco", "custom" or "shapes"; the last two share one network.

    Raises:
        OptionError: there is no such network; the message lists the nearest ones.
    """
    suffix = _NAME_OF_DATASET[dataset]
    name = f"ssd_{size}_{backbone}_{suffix}"
    if name in NETWORK_NAMES:
        return name
    backbones = sorted({n.split("_", 2)[2].rsplit("_", 1)[0] for n in NETWORK_NAMES})
    if backbone not in backbones:
        raise OptionError(f"--network must be one of {', '.join(backbones)}; got {backbone!r}")
    offered = [n for n in NETWORK_NAMES if n.split("_", 2)[2].rsplit("_", 1)[0] == backbone]
    raise OptionError(
        f"there is no network {name}; with --network {backbone} there are {', '.join(offered)}: "
        "choose --data-shape and --dataset accordingly"
    )
