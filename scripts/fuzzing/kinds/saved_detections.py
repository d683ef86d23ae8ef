"""A file of --save-detections, read for a report."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree, lines

_FILE = "found.json"
_IMAGES, _CLASSES = ("a/0.jpg", "a/1.jpg", "a/2.jpg"), ("cat", "dog", "猫")


def _content() -> dict[str, Any]:
    rows = [
        (0, 0, 0.91, [1.5, 2.0, 30.25, 40.0]),
        (0, 2, 0.5, [5.0, 6.0, 7.0, 8.0]),
        (2, 1, 0.06, [0.0, 0.0, 64.0, 48.0]),
    ]
    return {
        "schema": "gluon_ssd detections",
        "version": 1,
        "classes": list(_CLASSES),
        "input_size_hw": [300, 300],
        "detections": [
            {
                "image": _IMAGES[image],
                "frame": None,
                "label": label,
                "class": _CLASSES[label],
                "score": score,
                "box_px": box,
                "input_box_px": [value * 5 for value in box],
            }
            for image, label, score, box in rows
        ],
        "images": [{"image": name, "frame": None, "width": 64, "height": 48} for name in _IMAGES],
    }


class SavedDetectionsKind(Kind):
    """Three detections in three images."""

    name = "saved_detections"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """The file as it is written, and one of a detector without names."""
        nameless = {**_content(), "classes": []}
        nameless["detections"] = [{**row, "class": None} for row in nameless["detections"]]
        contents = {"named": _content(), "nameless": nameless}
        return {
            name: {_FILE: json.dumps(content, ensure_ascii=False).encode()}
            for name, content in contents.items()
        }

    def mutate(self, draw: random.Random) -> Case:
        """A value, a key or a byte changed, or the file saved by another editor."""
        seed = draw.choice(list(self.seeds))
        content = self.seeds[seed][_FILE]
        chance = draw.random()
        if chance < 0.1:
            return Case(seed, {_FILE: b"\xef\xbb\xbf" + content}, SAME, "a byte order mark")
        if chance < 0.3:
            text, story = lines.mutated(draw, content.decode())
        else:
            text, story = json_tree.mutated(draw, json.loads(content))
        return Case(seed, {_FILE: text}, story=story)

    def read(self, folder: Path, seed: str) -> Any:
        """The detections as arrays, and what the analysis counts."""
        import numpy as np

        from gluon_ssd.evaluation.analysis.analysis import analyse
        from gluon_ssd.evaluation.detections import GroundTruth
        from gluon_ssd.evaluation.read_detections import read_saved

        found = read_saved(folder / _FILE).detections(_IMAGES, _CLASSES).of_used_images()
        truth = GroundTruth(
            np.zeros(1, np.int64),
            np.zeros(1, np.int64),
            np.array([[1, 2, 30, 40]], np.float32),
            np.zeros(1, bool),
            np.zeros(1, bool),
        )
        rows = np.column_stack(
            [found.labels, found.scores, found.boxes_px, found.input_boxes_px]
        ).tolist()
        if not len(found.sizes_hw):
            return rows, None
        return rows, analyse(found, truth, _CLASSES).errors.counts()
