"""Labels as SageMaker writes them: augmented manifests, and a JSON file for each image."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case
from scripts.fuzzing.kinds.dataset_kind import DatasetKind
from scripts.fuzzing.kinds.drawn import CLASSES, HEIGHT, WIDTH, boxes, picture
from scripts.fuzzing.mutations import json_tree, lines

_MANIFEST = "train.manifest"
_COUNT = 4
_ODD = ([], {}, "s3://b/../../x.png", "/etc/passwd", {"class_id": 0}, [{"width": 1, "height": 1}])


def _label(draw: random.Random) -> dict[str, Any]:
    annotations = [
        {
            "class_id": number % len(CLASSES),
            "left": box[0],
            "top": box[1],
            "width": box[2] - box[0],
            "height": box[3] - box[1],
        }
        for number, box in enumerate(boxes(draw, 3))
    ]
    size = [{"width": WIDTH, "height": HEIGHT, "depth": 3}]
    return {"image_size": size, "annotations": annotations}


def _pictures(folder: str) -> dict[str, bytes]:
    return {f"{folder}/{number}.png": picture(number) for number in range(_COUNT)}


class ManifestKind(DatasetKind):
    """Four lines of three boxes each."""

    name = "manifest"
    in_suite = 100

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A manifest and its images."""
        draw = random.Random(6)
        names = {str(number): name for number, name in enumerate(CLASSES)}
        records = [
            {
                "source-ref": f"s3://bucket/images/{number}.png",
                "boxes": _label(draw),
                "boxes-metadata": {
                    "class-map": names,
                    "type": "groundtruth/object-detection",
                    "objects": [{"confidence": 0.5}] * 3,
                },
            }
            for number in range(_COUNT)
        ]
        text = "".join(json.dumps(record) + "\n" for record in records)
        return {"set": {_MANIFEST: text.encode(), **_pictures("images")}}

    def mutate(self, draw: random.Random) -> Case:
        """A changed line, changed lines, or the same ones saved by another editor."""
        text = self.seeds["set"][_MANIFEST].decode()
        chance = draw.random()
        if chance < 0.1:
            content, story = lines.resaved(draw, text)
            return Case("set", {_MANIFEST: content}, SAME, story)
        if chance < 0.3:
            content, story = lines.mutated(draw, text)
            return Case("set", {_MANIFEST: content}, story=story)
        records = text.encode().splitlines()
        number = draw.randrange(len(records))
        if chance < 0.4:
            records[number] = records[number][: -draw.randrange(1, 200)]
            return Case("set", {_MANIFEST: b"\n".join(records)}, REFUSED, "a line that is cut")
        records[number], story = json_tree.mutated(draw, json.loads(records[number]), _ODD)
        return Case("set", {_MANIFEST: b"\n".join(records)}, story=f"a line: {story}")


class SagemakerKind(DatasetKind):
    """Four annotation files of three boxes each."""

    name = "sagemaker"
    in_suite = 100

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A channel and its annotations."""
        draw = random.Random(7)
        categories = [{"class_id": number, "name": name} for number, name in enumerate(CLASSES)]
        files = _pictures("train")
        for number in range(_COUNT):
            record = {"file": f"{number}.png", **_label(draw), "categories": categories}
            files[f"train_annotation/{number}.json"] = json.dumps(record).encode()
        return {"set": files}

    def named(self) -> Sequence[Case]:
        """Fields that a file may lack."""
        file = "train_annotation/1.json"
        cases = []
        for field in ("file", "categories"):
            content = self._content(file)
            del content[field]
            cases.append(Case("set", {file: json.dumps(content).encode()}, SAME, f"no {field}"))
        return cases

    def mutate(self, draw: random.Random) -> Case:
        """A change of the tree of one file."""
        file = f"train_annotation/{draw.randrange(_COUNT)}.json"
        chance = draw.random()
        if chance < 0.1:
            text, story = json_tree.rewritten(draw, self._content(file))
            return Case("set", {file: text}, SAME, f"rewritten: {story}")
        if chance < 0.15:
            text, story = json_tree.surely_no_json(draw, self._content(file))
            return Case("set", {file: text}, REFUSED, story)
        text, story = json_tree.mutated(draw, self._content(file), _ODD)
        return Case("set", {file: text}, story=story)

    def _content(self, file: str) -> dict[str, Any]:
        return dict(json.loads(self.seeds["set"][file]))
