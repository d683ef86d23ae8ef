"""NVIDIA's SSD300 v1.1 and MLPerf's SSD-ResNet34, written from PyTorch's layers.

Names of parameters are those of the published checkpoints. Boxes are fractions of the image; the
order of boxes is level, shape, row, column. Sources: NVIDIA DeepLearningExamples,
PyTorch/Detection/SSD; MLCommons training, single_stage_detector/ssd; MLCommons inference,
models/ssd_r34.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torchvision
from torch import nn
from torch.nn import functional

CLASSES = 81  # the background is class 0
SHAPES = (4, 6, 6, 6, 4, 4)
_EXTRA_PATHS = (256, 256, 128, 128, 128)
_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
_SCALES = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05)
_SCALE_XY, _SCALE_WH = 10.0, 5.0

Outputs = tuple[torch.Tensor, torch.Tensor]


def _trunk(name: str) -> list[nn.Module]:
    """Stem and three stages of a torchvision ResNet, the third without its stride."""
    resnet = getattr(torchvision.models, name)(weights=None)
    first = resnet.layer3[0]
    first.conv1.stride = first.conv2.stride = first.downsample[0].stride = (1, 1)
    return list(resnet.children())[:7]


class _SsdHeads(nn.Module):
    """What both share: added blocks, heads, and their outputs as one row of boxes."""

    def __init__(self, channels: Sequence[int], head_stride: int) -> None:
        super().__init__()
        kernel = {"kernel_size": 3, "padding": 1, "stride": head_stride}
        pairs = list(zip(channels, SHAPES, strict=True))
        self.loc = nn.ModuleList(nn.Conv2d(c, 4 * n, **kernel) for c, n in pairs)
        self.conf = nn.ModuleList(nn.Conv2d(c, CLASSES * n, **kernel) for c, n in pairs)
        self.additional_blocks = nn.ModuleList()

    def trunk(self, images: torch.Tensor) -> torch.Tensor:
        """The features of the first level."""
        raise NotImplementedError

    def forward(self, images: torch.Tensor) -> Outputs:
        """Images (B, 3, H, W), normalised, to loc (B, 4, N) and conf (B, 81, N)."""
        maps = [self.trunk(images)]
        for block in self.additional_blocks:
            maps.append(block(maps[-1]))
        batch = len(images)
        loc = [head(x).reshape(batch, 4, -1) for head, x in zip(self.loc, maps, strict=True)]
        conf = [
            head(x).reshape(batch, CLASSES, -1) for head, x in zip(self.conf, maps, strict=True)
        ]
        return torch.cat(loc, 2), torch.cat(conf, 2)


class _Features(nn.Module):
    """The trunk under the name that NVIDIA's checkpoints give it."""

    def __init__(self, backbone: str) -> None:
        super().__init__()
        self.feature_extractor = nn.Sequential(*_trunk(backbone))


class NvidiaSsd300(_SsdHeads):
    """SSD300 with ResNet-50; batch norm in the added blocks."""

    size, side_of_level = 300, (38, 19, 10, 5, 3, 1)

    def __init__(self) -> None:
        channels = (1024, 512, 512, 256, 256, 256)
        super().__init__(channels, 1)
        self.feature_extractor = _Features("resnet50")
        strides, pads = (2, 2, 2, 1, 1), (1, 1, 1, 0, 0)
        sizes = zip(channels, channels[1:], _EXTRA_PATHS, strict=False)
        for (into, out, middle), stride, pad in zip(sizes, strides, pads, strict=True):
            block = nn.Sequential(
                nn.Conv2d(into, middle, 1, bias=False),
                nn.BatchNorm2d(middle),
                nn.ReLU(inplace=True),
                nn.Conv2d(middle, out, 3, stride=stride, padding=pad, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
            )
            self.additional_blocks.append(block)

    def trunk(self, images: torch.Tensor) -> torch.Tensor:
        """See `_SsdHeads.trunk`."""
        return self.feature_extractor.feature_extractor(images)


class _Layers(nn.Module):
    """The trunk in the two parts that MLPerf's checkpoints know."""

    def __init__(self) -> None:
        super().__init__()
        layers = _trunk("resnet34")
        self.layer1 = nn.Sequential(*layers[:6])
        self.layer2 = nn.Sequential(*layers[6:])


class MlperfSsdResNet34(_SsdHeads):
    """SSD-ResNet34 of 300 or of 1200 pixels, whose heads have stride 3; no batch norm in blocks."""

    def __init__(self, size: int) -> None:
        channels = (256, 512, 512, 256, 256, 256)
        is_large = size == 1200
        super().__init__(channels, 3 if is_large else 1)
        self.size = size
        self.side_of_level = (50, 25, 13, 7, 3, 3) if is_large else NvidiaSsd300.side_of_level
        self.model = _Layers()
        strides, pads = (2, 2, 2, 2 if is_large else 1, 1), (1, 1, 1, 0, 0)
        sizes = zip(channels, channels[1:], _EXTRA_PATHS, strict=False)
        for (into, out, middle), stride, pad in zip(sizes, strides, pads, strict=True):
            block = nn.Sequential(
                nn.Conv2d(into, middle, 1),
                nn.ReLU(inplace=True),
                nn.Conv2d(middle, out, 3, stride=stride, padding=pad),
                nn.ReLU(inplace=True),
            )
            self.additional_blocks.append(block)

    def trunk(self, images: torch.Tensor) -> torch.Tensor:
        """See `_SsdHeads.trunk`."""
        return self.model.layer2(self.model.layer1(images))


def default_boxes(network: NvidiaSsd300 | MlperfSsdResNet34) -> torch.Tensor:
    """The network's boxes as (cx, cy, w, h), float32 (N, 4), each value in [0, 1]."""
    steps = (8, 16, 32, 64, 100, 300)
    boxes = []
    for level, side in enumerate(network.side_of_level):
        cells = 300 / steps[level] if network.size == 300 else side
        scale, following = _SCALES[level], _SCALES[level + 1]
        middle = math.sqrt(scale * following)
        shapes = [(scale, scale), (middle, middle)]
        for ratio in _RATIOS[level]:
            wide, high = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
            shapes += [(wide, high), (high, wide)]
        for (width, height), row, column in itertools.product(shapes, range(side), range(side)):
            boxes.append(((column + 0.5) / cells, (row + 0.5) / cells, width, height))
    return torch.tensor(boxes, dtype=torch.float64).clamp_(0, 1).float()


def decode(
    loc: torch.Tensor,
    conf: torch.Tensor,
    boxes: torch.Tensor,
    *,
    overlap: float = 0.5,
    floor: float = 0.05,
    most: int = 200,
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Raw outputs to detections of each image: corners (K, 4), labels (K,), scores (K,), falling.

    The published code walks over classes and boxes in Python; here suppression is torchvision's
    compiled one, which is faster and differs only where an overlap equals the threshold.
    """
    centers = loc.transpose(1, 2)[..., :2] / _SCALE_XY * boxes[:, 2:] + boxes[:, :2]
    half = torch.exp(loc.transpose(1, 2)[..., 2:] / _SCALE_WH) * boxes[:, 2:] / 2
    corners = torch.cat([centers - half, centers + half], 2)
    scores = conf.softmax(1)[:, 1:]
    return [_suppress(*each, overlap, floor, most) for each in zip(corners, scores, strict=True)]


def _suppress(
    corners: torch.Tensor, scores: torch.Tensor, overlap: float, floor: float, most: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    labels, numbers = torch.nonzero(scores > floor, as_tuple=True)  # by class, then box
    found = scores[labels, numbers]
    counts = torch.bincount(labels, minlength=len(scores))
    if int(counts.max()) > most:
        parts = torch.split(torch.arange(len(labels)), counts.tolist())
        best = [p[found[p].topk(min(most, len(p))).indices] for p in parts]
        kept = torch.cat(best)
        labels, numbers, found = labels[kept], numbers[kept], found[kept]
    chosen = torchvision.ops.batched_nms(corners[numbers], found, labels, overlap)[:most]
    return corners[numbers[chosen]], labels[chosen] + 1, found[chosen]


def loss(
    loc: torch.Tensor,
    conf: torch.Tensor,
    target_boxes: torch.Tensor,
    labels: torch.Tensor,
    boxes: torch.Tensor,
) -> torch.Tensor:
    """NVIDIA's loss of 2022 as a number.

    Args:
        loc: (B, 4, N).
        conf: (B, 81, N).
        target_boxes: (B, 4, N) as (cx, cy, w, h); the default box itself where nothing matches.
        labels: int64 (B, N), 0 is the background.
        boxes: (N, 4) default boxes as (cx, cy, w, h).
    """
    default = boxes.t()[None]
    coded_xy = _SCALE_XY * (target_boxes[:, :2] - default[:, :2]) / default[:, 2:]
    coded_wh = _SCALE_WH * (target_boxes[:, 2:] / default[:, 2:]).log()
    coded = torch.cat([coded_xy, coded_wh], 1)
    is_positive = labels > 0
    positives = is_positive.sum(1)
    distance = functional.smooth_l1_loss(loc, coded, reduction="none").sum(1)
    box_part = (distance * is_positive).sum(1)
    entropy = functional.cross_entropy(conf, labels, reduction="none")
    negatives = entropy.detach().masked_fill(is_positive, 0)
    rank = negatives.argsort(1, descending=True).argsort(1)
    wanted = (3 * positives).clamp(max=labels.shape[1])[:, None]
    class_part = (entropy * (is_positive | (rank < wanted))).sum(1)
    per_image = (box_part + class_part) * (positives > 0) / positives.clamp(min=1)
    return per_image.mean()
