"""Annotation files in COCO's JSON format."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case
from scripts.fuzzing.kinds.dataset_kind import DatasetKind
from scripts.fuzzing.kinds.drawn import CLASSES, HEIGHT, WIDTH, boxes, picture
from scripts.fuzzing.mutations import json_tree

FILE = "annotations/instances_train.json"
_ODD = ([0, 0, 10, 10], [5, 5, 0, 0], [-5, -5, 200, 200], {"counts": [1], "size": [1, 1]}, "1.png")


def _content() -> dict[str, Any]:
    draw = random.Random(5)
    images = [
        {"id": n, "file_name": f"{n}.png", "height": HEIGHT, "width": WIDTH} for n in range(1, 5)
    ]
    annotations: list[dict[str, Any]] = []
    for image in images:
        for x_min, y_min, x_max, y_max in boxes(draw, 3):
            box = [x_min, y_min, x_max - x_min, y_max - y_min]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": 1 + len(annotations) % 2,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "segmentation": [],
                }
            )
    categories = [{"id": n + 1, "name": c, "supercategory": ""} for n, c in enumerate(CLASSES)]
    return {
        "info": {"year": 2020},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def _without(field: str) -> Callable[[dict[str, Any], random.Random], None]:
    def change(content: dict[str, Any], draw: random.Random) -> None:
        for record in content["annotations"]:
            del record[field]

    change.__name__ = f"without {field}"
    return change


def _ids_from(start: int) -> Callable[[dict[str, Any], random.Random], None]:
    def change(content: dict[str, Any], draw: random.Random) -> None:
        for number, record in enumerate(content["annotations"], start):
            record["id"] = number

    change.__name__ = f"ids from {start}"
    return change


def _ids_of_each_image(content: dict[str, Any], draw: random.Random) -> None:
    for number, record in enumerate(content["annotations"]):
        record["id"] = number % 3


def _other_image_ids(content: dict[str, Any], draw: random.Random) -> None:
    new = sorted(draw.sample(range(0, 10**9), len(content["images"])))
    ids = {record["id"]: new[n] for n, record in enumerate(content["images"])}
    for record in content["images"]:
        record["id"] = ids[record["id"]]
    for record in content["annotations"]:
        record["image_id"] = ids[record["image_id"]]


def _other_category_ids(content: dict[str, Any], draw: random.Random) -> None:
    new = sorted(draw.sample(range(0, 1000), len(content["categories"])))
    ids = {record["id"]: new[n] for n, record in enumerate(content["categories"])}
    for record in content["categories"]:
        record["id"] = ids[record["id"]]
    for record in content["annotations"]:
        record["category_id"] = ids[record["category_id"]]


def _unknown_keys(content: dict[str, Any], draw: random.Random) -> None:
    for records in (content["images"], content["annotations"], content["categories"]):
        for record in records:
            record[draw.choice(("x", "attributes", "score", "date"))] = draw.choice(
                (1, "a", [], {})
            )
    del content["info"], content["licenses"]


def _fractions(content: dict[str, Any], draw: random.Random) -> None:
    for record in content["annotations"]:
        record["bbox"] = [float(value) for value in record["bbox"]]
        record["area"] = float(record["area"])


def _rewritten(content: dict[str, Any], draw: random.Random) -> None:
    """Only the text is another."""


_HARMLESS = (
    _without("id"),
    _without("area"),
    _without("iscrowd"),
    _without("segmentation"),
    _ids_from(0),
    _ids_from(10**12),
    _ids_of_each_image,
    _other_image_ids,
    _other_category_ids,
    _unknown_keys,
    _fractions,
    _rewritten,
)
_DEEP = "[" * 100_000 + "]" * 100_000


def _named_changes() -> Sequence[tuple[str, str, str, Any]]:
    """(what, list, field, text of the value) of inputs that ended in tracebacks."""
    return (
        ("bbox of 10^400", "annotations", "bbox", "[1, 1, 1e400, 5]"),
        ("bbox with 400 digits", "annotations", "bbox", f"[1, 1, 1{'0' * 400}, 5]"),
        ("an integer of 5,000 digits", "annotations", "id", "9" * 5000),
        ("a category of 5,000 digits", "annotations", "category_id", "9" * 5000),
        ("a height of 10^30", "images", "height", "1" + "0" * 30),
        ("nested 100,000 deep", "annotations", "segmentation", _DEEP),
        ("a name of half a character", "categories", "name", '"\\ud800"'),
        ("a file name of half a character", "images", "file_name", '"\\ud800.png"'),
        ("an id of true", "images", "id", "true"),
        ("an area of NaN", "annotations", "area", "NaN"),
    )


class CocoKind(DatasetKind):
    """Three seeds are one: changes of a single set of four images."""

    name = "coco"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """Four pictures of three objects each."""
        files = {FILE: json.dumps(_content()).encode()}
        files.update({f"train/{n}.png": picture(n) for n in range(1, 5)})
        return {"set": files}

    def named(self) -> Sequence[Case]:
        """The inputs that once ended in tracebacks, and those scored wrongly."""
        cases = []
        for story, group, field, text in _named_changes():
            tree = json_tree.JsonTree(self._content)
            tree.value[group][0][field] = tree.raw(text)
            cases.append(Case("set", {FILE: tree.text()}, story=story))
        cases += [self._harmless(change, random.Random(0)) for change in _HARMLESS]
        return cases

    def mutate(self, draw: random.Random) -> Case:
        """A change of the tree mostly; of five, one has no meaning or surely breaks the file."""
        chance = draw.random()
        if chance < 0.15:
            return self._harmless(draw.choice(_HARMLESS), draw)
        if chance < 0.2:
            text, story = json_tree.surely_no_json(draw, self._content)
            return Case("set", {FILE: text}, REFUSED, story)
        text, story = json_tree.mutated(draw, self._content, _ODD)
        return Case("set", {FILE: text}, story=story)

    @property
    def _content(self) -> dict[str, Any]:
        return dict(json.loads(self.seeds["set"][FILE]))

    def _harmless(
        self, change: Callable[[dict[str, Any], random.Random], None], draw: random.Random
    ) -> Case:
        content = copy.deepcopy(self._content)
        change(content, draw)
        text, _ = json_tree.rewritten(draw, content)
        return Case("set", {FILE: text}, SAME, change.__name__.strip("_"))
