"""The networks by their words in this project, each with its detections and its training step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scripts.torch_reference import ssd
from scripts.torch_reference.retinanet import MlperfRetinaNet, published_name
from scripts.torch_reference.weights import with_shifted_classes
from tests.golden_rule import state_dict

Arrays = dict[str, NDArray[np.generic]]
Detections = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]

BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "ssd300_resnet50": ssd.NvidiaSsd300,
    "ssd_resnet34_300": lambda: ssd.MlperfSsdResNet34(300),
    "ssd_resnet34_1200": lambda: ssd.MlperfSsdResNet34(1200),
    "retinanet_resnext50_32x4d": MlperfRetinaNet,
}

_FLOOR = 0.05  # the score that a candidate has at least, in all of them


def published_arrays(network: nn.Module, seed: int) -> Arrays:
    """Weights of a network under their published names, by the rule of tests/golden_rule.py."""
    return state_dict([(published_name(n), v.shape) for n, v in network.state_dict().items()], seed)


def arrays_with_candidates(
    network: nn.Module, seed: int, image: torch.Tensor, candidates: int
) -> Arrays:
    """The same with biases by which about so many candidates of an image (1, 3, H, W) pass.

    Of a photograph and trained weights some hundred do; of random weights, ten thousands.
    """
    arrays = published_arrays(network, seed)
    load_arrays(network, arrays)
    network.eval()
    with torch.inference_mode():
        if isinstance(network, MlperfRetinaNet):
            logits = network.raw_outputs(image)[1].flatten()
            least = logits.topk(candidates).values[-1].item()
            return with_shifted_classes(arrays, math.log(_FLOOR / (1 - _FLOOR)) - least)
        conf = network(image)[1]
        low, high = -40.0, 40.0
        for _ in range(30):
            middle = (low + high) / 2
            shifted = torch.cat([conf[:, :1] + middle, conf[:, 1:]], 1).softmax(1)[:, 1:]
            low, high = (
                (middle, high) if int((shifted > _FLOOR).sum()) > candidates else (low, middle)
            )
    return with_shifted_classes(arrays, high)


def load_arrays(network: nn.Module, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Give a network weights of published names; every one is needed and no other is taken."""
    state = {name: torch.from_numpy(arrays[published_name(name)]) for name in network.state_dict()}
    network.load_state_dict(state)


def detector(network: nn.Module) -> Callable[[torch.Tensor], Detections]:
    """From images (B, 3, H, W) to what is kept of each: boxes, labels, scores, best first."""
    if isinstance(network, MlperfRetinaNet):

        def detect(images: torch.Tensor) -> Detections:
            found = network.detect(images)
            return [(each["boxes"], each["labels"], each["scores"]) for each in found]

        return detect
    boxes = ssd.default_boxes(network)
    return lambda images: ssd.decode(*network(images), boxes)


def training_step(
    network: nn.Module, images: torch.Tensor, *, positives: int, dtype: str
) -> Callable[[], float]:
    """One step of NVIDIA's SSD300: forward, loss, backward, update; returns the loss.

    Args:
        network: in training mode.
        images: (B, 3, H, W).
        positives: boxes of an image that match, drawn at random.
        dtype: "float32", or "bfloat16" for mixed precision.
    """
    boxes = ssd.default_boxes(network)
    labels, targets = _targets(len(images), boxes, positives)
    decayed = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=1e-9, momentum=0.9)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
            loc, conf = network(images)
        total = ssd.loss(loc.float(), conf.float(), targets, labels, boxes)
        total.backward()
        optimizer.step()
        return total.item()

    return step


def _targets(batch: int, boxes: torch.Tensor, positives: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (B, N) and boxes (B, 4, N), a little off the default box where there is an object."""
    rng = np.random.default_rng(0)
    labels = np.zeros((batch, len(boxes)), np.int64)
    targets = np.repeat(boxes.numpy()[None], batch, 0)
    for row, target in zip(labels, targets, strict=True):
        chosen = rng.choice(len(boxes), positives, replace=False)
        row[chosen] = rng.integers(1, ssd.CLASSES, positives)
        target[chosen] *= 1 + 0.1 * rng.random((positives, 4))
    return torch.from_numpy(labels), torch.from_numpy(targets.transpose(0, 2, 1).copy())
