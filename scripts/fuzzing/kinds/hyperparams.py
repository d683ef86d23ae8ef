"""hyperparams.json of SageMaker's Object Detection."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree

FILE = "hyperparams.json"
SOUND = {
    "base_network": "vgg-16",
    "image_shape": "300",
    "num_classes": "3",
    "nms_threshold": "0.45",
    "nms_topk": "400",
    "epochs": "30",
    "freeze_layer_pattern": "",
}
_ODD = (
    "-1",
    "0",
    "1e9",
    "nan",
    "inf",
    " 300 ",
    "300.0",
    "0x12c",
    "٣٠٠",
    "9" * 400,
    "\n",
    300,
    None,
)
_WRONG: tuple[tuple[str, Any], ...] = (
    ("image_shape", "0"),
    ("image_shape", "1000000"),
    ("image_shape", "-300"),
    ("image_shape", 300.5),
    ("image_shape", True),
    ("image_shape", "9" * 5000),
    ("num_classes", "0"),
    ("num_classes", "three"),
    ("nms_threshold", "nan"),
    ("nms_threshold", "45"),
    ("nms_topk", "4e2"),
    ("epochs", [30]),
    ("base_network", "a\nb"),
)


class HyperparamsKind(Kind):
    """The file of a model of three classes."""

    name = "hyperparams"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """As the algorithm writes it."""
        return {"model": {FILE: json.dumps(SOUND).encode()}}

    def named(self) -> Sequence[Case]:
        """Values that no model has."""
        return [
            Case("model", {FILE: json.dumps({**SOUND, key: value}).encode()}, REFUSED, key)
            for key, value in _WRONG
        ]

    def mutate(self, draw: random.Random) -> Case:
        """A change of the tree mostly; of six, one has no meaning or surely breaks it."""
        chance = draw.random()
        if chance < 0.12:
            text, story = json_tree.rewritten(draw, {**SOUND, "of_later": "[1, 2]"})
            return Case("model", {FILE: text}, SAME, story)
        if chance < 0.2:
            text, story = json_tree.surely_no_json(draw, SOUND)
            return Case("model", {FILE: text}, REFUSED, story)
        text, story = json_tree.mutated(draw, dict(SOUND), _ODD)
        return Case("model", {FILE: text}, story=story)

    def read(self, folder: Path, seed: str) -> Any:
        """What counts for inference."""
        from gluon_ssd.deploy.mxnet.hyperparams import read_hyperparams

        found = read_hyperparams(folder / FILE, "a")
        return (
            found.base_network,
            found.input_size_hw,
            found.num_classes,
            (
                found.nms_threshold,
                found.nms_topk,
            ),
        )

    def complain(self, answer: Any) -> str:
        """Numbers that everything behind it relies on."""
        name, size_hw, num_classes, (threshold, topk) = answer
        if not (isinstance(name, str) and name.isprintable()):
            return f"base_network {name!r}"
        if size_hw is not None and not all(8 <= side <= 8192 for side in size_hw):
            return f"input_size_hw {size_hw}"
        if num_classes is not None and not 0 < num_classes <= 100_000:
            return f"num_classes {num_classes}"
        if threshold is not None and not 0 <= threshold <= 1:
            return f"nms_threshold {threshold}"
        return "" if topk is None or abs(topk) <= 2**31 else f"nms_topk {topk}"
