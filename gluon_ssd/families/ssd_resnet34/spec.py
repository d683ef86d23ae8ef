"""MLPerf's SSD-ResNet34 at 300 and at 1200 pixels.

Sources: MLPerf training, single_stage_detector (300 pixels, 0.23 mAP on COCO val2017), and MLPerf
inference, ssd-resnet34 (1200 pixels, 0.20 mAP); 19,972,534 parameters both. Documents on them
speak of batch norm in the detector layers, which no published code has; `ssd_resnet34_bn` is the
network that they describe.
"""

from __future__ import annotations

from dataclasses import replace

from gluon_ssd.models.residual_ssd.spec import ResidualSsdSpec, for_each_dataset

_AT_300 = ResidualSsdSpec(
    name="",
    family="ssd_resnet34",
    network="",
    dataset="",
    input_size_hw=(300, 300),
    augmentation="ssd300_pil",
    backbone="resnet34",
    detector_bn=False,
    published_backbone=(
        "model.layer1.0",
        "model.layer1.1",
        "model.layer1.4",
        "model.layer1.5",
        "model.layer2.0",
    ),
)
_AT_1200 = replace(
    _AT_300,
    input_size_hw=(1200, 1200),
    block_strides=(2, 2, 2, 2, 1),
    head_stride=3,
    cells=(50, 25, 13, 7, 3, 3),
    steps=(24, 48, 92, 171, 400, 400),
    scales=(84.0, 180.0, 396.0, 612.0, 828.0, 1044.0, 1260.0),
    whole_cells=True,
)

SPECS: tuple[ResidualSsdSpec, ...] = tuple(
    spec
    for network, detector_bn in (("ssd_resnet34", False), ("ssd_resnet34_bn", True))
    for prototype in (_AT_300, _AT_1200)
    for spec in for_each_dataset(
        replace(prototype, network=network, detector_bn=detector_bn),
        f"{network}_{prototype.input_size_hw[0]}",
    )
)
