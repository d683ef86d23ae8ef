"""Compare the networks with the golden numbers of the published code: are they the same networks?

Outputs, detections and the loss of a step with batch statistics, of each network that is timed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scripts.torch_reference import ssd
from scripts.torch_reference.networks import BUILDERS, detector, load_arrays, published_arrays
from tests.golden_rule import SEED, image, picture

_OUTPUTS, _LOSS, _GRADIENTS = 2e-5, 1e-5, 2e-2  # relative
_SSD_DETECTIONS, _RETINA_DETECTIONS = (1e-5, 1e-5), (1e-4, 2.5e-5)  # scores; boxes as fractions

Golden = dict[str, NDArray[np.generic]]
Finding = tuple[str, float, float]  # what, distance, tolerance


def compare(folder: Path) -> Iterator[Finding]:
    """Every comparison in turn, from the golden files of a folder."""
    nvidia, r34, retina = (
        dict(np.load(folder / f"{name}.npz"))
        for name in ("nvidia_ssd300", "mlperf_ssd_r34", "mlperf_retinanet")
    )
    yield from _ssd("ssd300_resnet50", nvidia, "resnet50.", "resnet50.detections", "ssd300")
    names = json.loads((folder / "nvidia_ssd300_resnet50_names.json").read_text("utf-8"))
    yield from _training(nvidia, names["parameter_names"])
    for size in (300, 1200):
        start = f"s{size}.output."
        yield from _ssd(f"ssd_resnet34_{size}", r34, start, f"{start}detections", f"ssd{size}")
    yield from _retina(retina)


def _network(word: str) -> nn.Module:
    network = BUILDERS[word]()
    load_arrays(network, published_arrays(network, SEED))
    return network.eval()


def _image(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(image(name, shape))


def _ssd(word: str, golden: Golden, start: str, found: str, name: str) -> Iterator[Finding]:
    network = _network(word)
    boxes = ssd.default_boxes(network)
    with torch.inference_mode():
        loc, conf = network(_image(name, (2, 3, network.size, network.size)))
        kept = ssd.decode(loc, conf, boxes)
    index = golden[f"{start}box_index"]
    for what, output in (("loc", loc), ("conf", conf)):
        rows = output.numpy()[:, :, index]
        yield f"{word} {what}", _relative(rows, golden[f"{start}{what}.rows"]), _OUTPUTS
    for number, (corners, labels, scores) in enumerate(kept):
        wanted = [golden[f"{found}.{number}.{part}"] for part in ("boxes", "labels", "scores")]
        yield from _detections(f"{word} image {number}", (corners, labels, scores), wanted)


def _detections(
    what: str, got: tuple[torch.Tensor, ...], wanted: list[NDArray[np.generic]], side: float = 1.0
) -> Iterator[Finding]:
    """The same labels in the same number, and the distance of scores and boxes.

    Rows are put in the order of label and score: neighbours in score may have changed places.
    """
    boxes, labels, scores = (each.numpy() for each in got)
    rows = [np.column_stack(parts) for parts in ([labels, scores, boxes], [*wanted[1:], wanted[0]])]
    ours, theirs = (each[np.lexsort((each[:, 2], each[:, 1], each[:, 0]))] for each in rows)
    if ours.shape != theirs.shape or (ours[:, 0] != theirs[:, 0]).any():
        yield f"{what}: {len(ours)} detections for {len(theirs)}, or other labels", np.inf, 0.0
        return
    scores, boxes = _SSD_DETECTIONS if side == 1 else _RETINA_DETECTIONS
    yield f"{what} {len(ours)} scores", float(np.abs(ours[:, 1] - theirs[:, 1]).max()), scores
    yield f"{what} boxes", float(np.abs(ours[:, 2:] - theirs[:, 2:]).max()) / side, boxes


def _relative(got: NDArray[np.generic], wanted: NDArray[np.generic]) -> float:
    if got.shape != wanted.shape:
        return float("inf")
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def _training(golden: Golden, names: list[str]) -> Iterator[Finding]:
    """Loss of four images with batch statistics, and the norm of every gradient."""
    network = _network("ssd300_resnet50").train()
    boxes = ssd.default_boxes(network)
    labels = torch.zeros(4, len(boxes), dtype=torch.int64)
    targets = boxes.t().repeat(4, 1, 1)
    for number, name in enumerate(("plain", "many", "", "overlap")):
        if name:
            at = torch.from_numpy(golden[f"encode.{name}.positive"].astype(np.int64))
            labels[number, at] = torch.from_numpy(golden[f"encode.{name}.labels"].astype(np.int64))
            targets[number][:, at] = torch.from_numpy(golden[f"encode.{name}.boxes"]).t().float()
    loc, conf = network(_image("ssd300-train", (4, 3, 300, 300)))
    total = ssd.loss(loc, conf, targets, labels, boxes)
    total.backward()
    wanted = float(golden["train.loss"])
    yield "ssd300_resnet50 training loss", abs(total.item() - wanted) / wanted, _LOSS
    parameters = dict(network.named_parameters())
    norms = np.array([parameters[name].grad.norm().item() for name in names])
    known = golden["train.grad_norms"]
    away = np.abs(norms - known) / np.maximum(known, 1e-4 * known.max())
    yield "ssd300_resnet50 gradient norms", float(away.max()), _GRADIENTS


def _retina(golden: Golden) -> Iterator[Finding]:
    network = _network("retinanet_resnext50_32x4d")
    for name, size in (("256", (256, 256)), ("800", (800, 800))):
        with torch.inference_mode():
            _, logits, offsets = network.raw_outputs(_image(f"retina{name}", (2, 3, *size)))
        index = golden[f"output{name}.anchor_index"]
        for what, output in (("cls_logits", logits), ("bbox_regression", offsets)):
            rows = output.numpy()[:, index]
            wanted = golden[f"output{name}.{what}.rows"]
            yield f"retinanet {name} {what}", _relative(rows, wanted), _OUTPUTS
    detect = detector(network)
    for number, (name, height, width) in enumerate((("a", 480, 640), ("b", 600, 400))):
        pixels = torch.from_numpy(picture(name, height, width)).permute(2, 0, 1) / 255
        with torch.inference_mode():
            images = network.transform.normalize(pixels)[None]
            images = torch.nn.functional.interpolate(images, (800, 800), mode="bilinear")
            ((boxes, labels, scores),) = detect(images)
        scale = torch.tensor([width, height] * 2) / 800
        wanted = [golden[f"end_to_end.{number}.{p}"] for p in ("boxes_px", "labels", "scores")]
        found = (boxes * scale, labels, scores)
        yield from _detections(f"retinanet image {number}", found, wanted, 800.0)
