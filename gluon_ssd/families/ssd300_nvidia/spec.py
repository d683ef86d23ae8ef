"""NVIDIA's SSD300 v1.1 on five residual backbones.

Source: NVIDIA DeepLearningExamples, PyTorch/Detection/SSD, release of June 2020: 22,894,902
parameters and 0.25 mAP on COCO val2017 with ResNet-50.
"""

from __future__ import annotations

from dataclasses import replace

from gluon_ssd.models.residual_ssd.spec import ResidualSsdSpec, for_each_dataset

_RESNET50 = ResidualSsdSpec(
    name="",
    family="ssd300_nvidia",
    network="",
    dataset="",
    input_size_hw=(300, 300),
    augmentation="ssd300_dali",
)
_RESNET18 = replace(_RESNET50, block_channels=(512, 512, 256, 256, 128))
_PROTOTYPES = {
    "resnet50": _RESNET50,
    "resnet18": _RESNET18,
    "resnet34": _RESNET50,
    "resnet101": _RESNET50,
    "resnet152": _RESNET50,
}

SPECS: tuple[ResidualSsdSpec, ...] = tuple(
    spec
    for backbone, prototype in _PROTOTYPES.items()
    for spec in for_each_dataset(
        replace(prototype, network=f"ssd300_{backbone}", backbone=backbone),
        f"ssd300_{backbone}",
    )
)
