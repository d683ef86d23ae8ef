"""What the tests of the scripts share: tiny data sets, tiny trained networks, and running a script.

The network is the smallest of the zoo, ssd_300_mobilenet0.25; a step on two images takes 0.1 s.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from gluon_ssd.detection.decoding import Decoding
from tests.data.builders import (
    coco_content,
    voc_object,
    voc_xml,
    write_coco,
    write_image,
    write_voc,
)

ROOT = Path(__file__).resolve().parent.parent
NETWORK = "ssd_300_mobilenet0.25_custom"
SMALL = ("--network", "mobilenet0.25", "--dataset", "custom", "-j", "0")
"""Options of both main scripts for that network on a data set of one's own, in one process."""
TRAIN = (*SMALL, "--batch-size", "2", "--gpus", "", "--pretrained-base", "false")


class Ended(NamedTuple):
    """How a script ended."""

    code: int
    out: str
    err: str


def load_script(script: str) -> ModuleType:
    """The module of train_ssd.py, scripts/demo_ssd.py or the like."""
    spec = importlib.util.spec_from_file_location(Path(script).stem, ROOT / script)
    assert spec is not None and spec.loader is not None, script
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_script(script: str, *argv: object) -> Ended:
    """Run `main` of a script in this process."""
    return run_module(load_script(script), *argv)


def run_module(module: ModuleType, *argv: object) -> Ended:
    """Run `main` of a module in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = module.main([str(argument) for argument in argv])
    return Ended(code, out.getvalue(), err.getvalue())


def train(folder: Path, data: Path, *argv: object) -> Ended:
    """Train the smallest network on a custom data set, with all outputs in `folder`."""
    prefix = f"{folder}{os.sep}"
    return run_script(
        "train_ssd.py", *TRAIN, "--dataset-root", data, "--save-prefix", prefix, *argv
    )


def one_error(ended: Ended, code: int = 2) -> str:
    """The error line of a script that had to fail: one line, the last, and no traceback."""
    lines = ended.err.splitlines()
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:], ended.err
    return lines[-1]


def leftovers(folder: Path) -> list[str]:
    """Files that a failed write left: temporary ones, and empty ones."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if ".part" in path.name or (path.is_file() and path.stat().st_size == 0)
    ]


def voc_set(folder: Path, *, num_train: int = 5, num_val: int = 3) -> Path:
    """Images of 60×80 px in VOC layout with a dog and a cat each; the last of each split is bare.

    Classes are cat and dog; the splits are train and val.
    """
    objects = [voc_object("dog", (3, 5, 40, 50)), voc_object("cat", (31, 11, 76, 56))]
    names = {"train": num_train, "val": num_val}
    splits = {name: [f"{name}{n}" for n in range(count)] for name, count in names.items()}
    texts = {
        stem: voc_xml(objects if stem != stems[-1] else ())
        for stems in splits.values()
        for stem in stems
    }
    return write_voc(folder, texts, splits)


def coco_set(root: Path, categories: dict[int, str], train: str, val: str) -> Path:
    """COCO JSON with two splits of four images; the last image has no box."""
    first, second = list(categories)[:2]
    for split in (train, val):
        records = []
        for image in (1, 2, 3):
            records.append({"image_id": image, "bbox": [2, 4, 36, 44], "category_id": first})
            records.append({"image_id": image, "bbox": [30, 10, 44, 44], "category_id": second})
        write_coco(root, split, coco_content((1, 2, 3, 4), records, categories))
    return root


def sure_network(classes: Sequence[str] = ("cat", "dog"), seed: int = 2):
    """An untrained network whose class heads are blown up: its best scores are 0.7 to 0.95."""
    from gluon_ssd.families.build import build_network
    from gluon_ssd.models.first_weights import initialize

    network = build_network(NETWORK, classes=tuple(classes))
    initialize(network, seed=seed)
    for head in network.class_predictors:
        weight = head.predictor.weight
        weight.set_data(weight.data() * 40)
    return network


def sure_weights(path: Path, classes: Sequence[str] = ("cat", "dog"), seed: int = 2) -> Path:
    """Weights of `sure_network`, with their record beside them."""
    from gluon_ssd.models.weights import save_parameters

    path.parent.mkdir(parents=True, exist_ok=True)
    save_parameters(sure_network(classes, seed), path)
    return path


PHOTO_HW = (240, 320)


def photos(folder: Path, count: int = 5) -> list[Path]:
    """Images of 240×320 px, large enough for what `sure_network` finds in them."""
    return [write_image(folder / f"i{n}.jpg", PHOTO_HW, seed=n) for n in range(count)]


def found_set(folder: Path, weights: Path, per_image: int = 8) -> Path:
    """A VOC-layout set whose truth is what the network finds: the best boxes of each image."""
    images = photos(folder / "JPEGImages")
    split = {"val": [image.stem for image in images]}
    write_voc(folder, {stem: voc_xml() for stem in split["val"]}, split)
    photos(folder / "JPEGImages")
    (folder / "classes.txt").write_text("cat\ndog\n")
    ended = evaluate(folder, weights, "--post-nms", per_image, "--save-detections", folder / "f")
    assert ended.code == 0, ended.err
    found = json.loads((folder / "f").read_text())["detections"]
    for image in images:
        objects = [
            voc_object(row["class"], [round(value) + 1 for value in row["box_px"]])
            for row in found
            if row["image"] == str(image)
        ]
        text = voc_xml(objects, PHOTO_HW)
        (folder / "Annotations" / f"{image.stem}.xml").write_text(text)
    return folder


def evaluate(data: Path, weights: Path | None, *argv: object) -> Ended:
    """Evaluate the smallest network on a custom data set; without weights an exported one."""
    model = ("--pretrained", weights) if weights else ()
    options = ("--dataset-root", data, "--batch-size", 2)
    return run_script("eval_ssd.py", *SMALL, *model, *options, *argv)


def export(weights: Path, output: Path, *argv: object) -> Ended:
    """Export the smallest network as `output`-symbol.json and `output`-0000.params."""
    options = ("--network", "mobilenet0.25", "--dataset", "custom", "--pretrained", weights)
    return run_script("scripts/export_ssd.py", *options, "--output", output, *argv)


def demo(images: object, output: Path, *argv: object) -> Ended:
    """Detect in images and write what is found into the folder `output`."""
    return run_script("scripts/demo_ssd.py", "--images", images, "--output", output, *argv)


def saved_pictures(file: Path) -> list[dict[str, Any]]:
    """The pictures of a file of detections, each with its own as "detections"."""
    saved = json.loads(file.read_text("utf-8"))
    of_picture: dict[tuple[str, int | None], list[dict[str, Any]]] = {}
    for row in saved["detections"]:
        of_picture.setdefault((row["image"], row["frame"]), []).append(row)
    return [
        {**each, "detections": of_picture.get((each["image"], each["frame"]), [])}
        for each in saved["images"]
    ]


def decodings_of_the_demo(monkeypatch) -> list[Decoding]:
    """The list that the demo's use of a network, from now on, adds its decoding to."""
    from gluon_ssd.commands.wiring import models as command

    used: list[Decoding] = []
    real = command.network_model

    def network_model(network, *, decoding, **options):
        used.append(decoding)
        return real(network, decoding=decoding, **options)

    monkeypatch.setattr(command, "network_model", network_model)
    return used


def arrays_of(checkpoint: Path) -> dict[str, np.ndarray]:
    """Every array of a checkpoint: weights, statistics, momentum."""
    with np.load(checkpoint, allow_pickle=False) as file:
        return {key: file[key] for key in file.files if key not in ("facts", "random/numpy")}


def assert_same_arrays(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Same names, same bits."""
    assert found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_array_equal(found[key], expected[key], err_msg=key)


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Make `folder` the working directory for the block; for fixtures wider than one test."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def python(*argv: object) -> list[str]:
    """A command line of this Python."""
    return [sys.executable, *(str(argument) for argument in argv)]
