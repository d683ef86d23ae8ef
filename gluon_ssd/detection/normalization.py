"""How the ImageNet backbones want their input: mean and deviation of RGB in [0, 1]."""

from __future__ import annotations

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
