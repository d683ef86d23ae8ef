"""Mean and standard deviation of RGB in 0..1 over ImageNet, which backbones are trained with."""

from __future__ import annotations

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
