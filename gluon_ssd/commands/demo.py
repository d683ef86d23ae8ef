"""Options -> annotated pictures and a JSON file of detections."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gluon_ssd.commands.wiring.exported import deployed_model, inference_device
from gluon_ssd.commands.wiring.pictures import (
    Picture,
    count_pictures,
    is_video,
    list_sources,
    read_pictures,
)
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.boxes import clip_boxes
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import DataError
from gluon_ssd.inference.endpoint_json import endpoint_answer
from gluon_ssd.inference.found import class_names
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.shared import ModelOptions
from gluon_ssd.report.draw import draw_detections
from gluon_ssd.system.files import atomic_write, ensure_directory, write_json
from gluon_ssd.system.progress import progress_bar

_log = logging.getLogger(__name__)

_CANDIDATES = 200  # that enter suppression where a network says no number: as in legacy


def detect_pictures(command: DemoCommand) -> Iterator[str]:
    """Run the demo; yields the summary to print.

    A picture that cannot be decoded is logged and left out; the rest is detected all the same.

    Raises:
        DataError: a source is not there; or, at the very end, some could not be decoded.
    """
    sources = list_sources(command.images)
    if command.every > 1 and not any(is_video(path) for path in sources):
        _log.warning("--every %d has no effect: there is no video", command.every)
    model = _model(command)
    names = _class_names(command, model)
    folder = ensure_directory(Path(command.output).expanduser())
    bad: list[DataError] = []

    def report(error: DataError) -> None:
        _log.error("%s", error)
        bad.append(error)

    pictures = read_pictures(
        sources, on_bad=report, every=command.every, max_pixels=command.max_pixels
    )
    expected = count_pictures(sources, command.every)
    with progress_bar(pictures, total=expected, unit="img", description="detect") as bar:
        rows = [_annotate(command, model, names, picture=picture, folder=folder) for picture in bar]
    if command.schema == "project":
        write_json(folder / "detections.json", rows)
    found = sum(len(row["detections"]) for row in rows)
    yield (
        f"{found} objects in {len(rows)} pictures; annotated pictures and "
        f"{'detections.json' if command.schema == 'project' else 'their answers as .json'} "
        f"are in {folder}"
    )
    if bad:
        raise DataError(
            f"{len(bad)} of {len(sources)} files could not be used and are left out; "
            "the lines above say why"
        )


def _annotate(
    command: DemoCommand,
    model: RuntimeModel,
    names: Sequence[str],
    *,
    picture: Picture,
    folder: Path,
) -> dict[str, Any]:
    """Detect in one picture and write it with its boxes; returns its entry for the JSON file."""
    labels, scores, boxes_px = detect(model, picture.image)
    shown = scores >= command.thresh
    drawn = draw_detections(
        picture.image,
        boxes_px,
        labels,
        scores=scores,
        classes=names,
        threshold=command.thresh,
    )
    path = folder / f"{picture.name}.jpg"
    # Encoded here and written by Python, since OpenCV does not say why it cannot write.
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    with atomic_write(path) as file:
        file.write(jpeg.tobytes())
    height, width = picture.image.shape[:2]
    if command.schema == "endpoint":
        answer = endpoint_answer(labels, scores, boxes_px, (height, width))
        write_json(path.with_suffix(".json"), answer)
    return {
        "source": picture.source,
        "frame": picture.frame,
        "annotated": str(path),
        "width": width,
        "height": height,
        "detections": [
            {
                "label": int(label),
                "class": names[label] if label < len(names) else None,
                "score": round(float(score), 6),
                "box_px": [round(float(value), 2) for value in box],
            }
            for label, score, box in zip(labels[shown], scores[shown], boxes_px[shown], strict=True)
        ],
    }


def detect(model: RuntimeModel, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objects in one picture of any size.

    Args:
        model: what detects.
        image: uint8 (H, W, 3), RGB.

    Returns:
        labels int (K,), scores float32 (K,), boxes float32 (K, 4) as corners in pixels of the
        picture, cut at its edges; empty rows are left out, the best score comes first.
    """
    network_input = eval_transform(image, model.input_format)
    ids, scores, boxes = (as_numpy(o)[0] for o in model.run(network_input[np.newaxis]))
    kept = ids[:, 0] >= 0
    height, width = image.shape[:2]
    input_wh = np.array(model.input_size_hw[::-1] * 2, np.float32)
    scale = np.array([width, height] * 2, np.float32) / input_wh
    boxes_px = clip_boxes(boxes[kept] * scale, (height, width))
    return ids[kept, 0].astype(int), scores[kept, 0], boxes_px


def _model(command: DemoCommand) -> RuntimeModel:
    asked_hw = (command.data_shape, command.data_shape) if command.data_shape else None
    gpus, prefix = f"--gpus {command.gpus}", command.model_prefix
    backend = command.named_backend
    device = inference_device(command.device_ids[:1], gpus, prefix=prefix, backend=backend)
    if prefix:
        return deployed_model(prefix, asked_hw, device=device, runtime=command)
    # Networks need MXNet, which exported models of other runtimes do without.
    from gluon_ssd.commands.wiring.models import network_model, trained_network

    options = ModelOptions(model_root=command.model_root, mirror=command.mirror)
    network = trained_network(
        command.spec, command.pretrained, classes_file=command.classes, options=options
    )
    input_size_hw, decoding = asked_hw or network.input_size_hw, network.spec.decoding
    if decoding.nms_topk == Decoding.nms_topk:
        decoding = replace(decoding, nms_topk=_CANDIDATES)
    return network_model(network, decoding=decoding, input_size_hw=input_size_hw, device=device)


def _class_names(command: DemoCommand, model: RuntimeModel) -> Sequence[str]:
    given = read_classes_file(command.classes) if command.classes else None
    names = class_names(model.classes, given, model.num_classes)
    if not names:
        _log.warning("the model does not carry class names; give them with --classes FILE")
    return names
