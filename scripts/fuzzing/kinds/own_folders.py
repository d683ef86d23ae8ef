"""Data sets of labelling tools: YOLO's labels and data.yaml, tables of boxes, folders of XML."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case
from scripts.fuzzing.kinds.dataset_kind import DatasetKind
from scripts.fuzzing.kinds.drawn import CLASSES, HEIGHT, WIDTH, boxes, picture
from scripts.fuzzing.kinds.voc import annotation_text
from scripts.fuzzing.mutations import lines, xml_tree

_YAML = "path: .\ntrain: images/train\nval: [images/train, list.txt]\nnc: 2\nnames: [cat, dog]\n"
_LABEL, _DESCRIPTION, _LIST = "labels/train/1.txt", "data.yaml", "list.txt"
_TABLE = "boxes.csv"
_XML = "annotations/1.xml"


def _line(number: int, box: Sequence[int]) -> str:
    x_min, y_min, x_max, y_max = box
    values = (
        (x_min + x_max) / 2 / WIDTH,
        (y_min + y_max) / 2 / HEIGHT,
        (x_max - x_min) / WIDTH,
        (y_max - y_min) / HEIGHT,
    )
    return f"{number % 2} {' '.join(f'{value:.6f}' for value in values)}\n"


class YoloKind(DatasetKind):
    """Three pictures; the labels of the first one are changed, the description or the list."""

    name = "yolo"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A polygon among the labels; the list has the pictures for the sound answer."""
        files = {_DESCRIPTION: _YAML.encode(), _LIST: b"images/train/2.png\n"}
        for number in range(1, 4):
            files[f"images/train/{number}.png"] = picture(number)
            found = boxes(random.Random(number), 3)
            text = "".join(_line(n, box) for n, box in enumerate(found))
            polygon = "1 0.2 0.2 0.6 0.2 0.6 0.7 0.2 0.7\n"
            files[f"labels/train/{number}.txt"] = (text + polygon).encode()
        return {"train": files, "val": dict(files)}

    def open(self, folder: Path, seed: str, *, train: bool) -> Any:
        """The second seed is opened for validation, which reads the list."""
        return super().open(folder, seed, train=train and seed == "train")

    def named(self) -> Sequence[Case]:
        """Broken lines and descriptions by hand."""
        laughs = "a: &a [x]\n" + "".join(f"a{n}: &a{n} [*a, *a]\n" for n in range(9))
        changes = (
            (_LABEL, "0 0.5 0.5 0.1 0.1 0.9\n", REFUSED, "a confidence"),
            (_LABEL, "0 nan 0.5 0.1 0.1\n", REFUSED, "NaN"),
            (_LABEL, "0 320 240 50 50\n", REFUSED, "pixels"),
            (_LABEL, "0 1e400 0.5 0.1 0.1\n", REFUSED, "1e400"),
            (_LABEL, "0 0.5 0.5 0.1 0.1\n" * 100_001, REFUSED, "100,001 objects"),
            (_LABEL, "0 " + "0.5 " * 1_000_000, REFUSED, "a million numbers"),
            (_DESCRIPTION, laughs, REFUSED, "billion laughs"),
            (_DESCRIPTION, "names: " + "[" * 10_000, REFUSED, "brackets"),
            (_DESCRIPTION, _YAML.replace("images/train", "/"), "any", "the root of the disk"),
            (_DESCRIPTION, _YAML.replace("path: .", "path: ../../.."), "any", "far above"),
            (_DESCRIPTION, _YAML.replace("nc: 2", "nc: [2]"), REFUSED, "nc as a list"),
        )
        return [
            Case("train", {file: text.encode()}, expects, story)
            for file, text, expects, story in changes
        ]

    def mutate(self, draw: random.Random) -> Case:
        """A change of the labels mostly."""
        chance = draw.random()
        if chance < 0.15:
            text, story = lines.resaved(draw, self.seeds["train"][_LABEL].decode())
            return Case("train", {_LABEL: text}, SAME, story)
        if chance < 0.4:
            text, story = lines.mutated(draw, _YAML)
            return Case("train", {_DESCRIPTION: text}, story=f"{_DESCRIPTION}: {story}")
        if chance < 0.5:
            text, story = lines.mutated(draw, "images/train/1.png\nimages/train/2.png")
            return Case("val", {_LIST: text}, story=f"{_LIST}: {story}")
        text, story = lines.mutated(draw, self.seeds["train"][_LABEL].decode())
        return Case("train", {_LABEL: text}, story=story)


def _table() -> str:
    rows = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
    for number in range(1, 4):
        for n, box in enumerate(boxes(random.Random(number), 2)):
            corners = ",".join(map(str, box))
            rows.append(f"{number}.png,{WIDTH},{HEIGHT},{CLASSES[n % 2]},{corners}")
    return "\n".join([*rows, f"4.png,{WIDTH},{HEIGHT},,,,,"]) + "\n"


class CsvKind(DatasetKind):
    """A table of four pictures, one of them without a box."""

    name = "csv"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """Seven rows."""
        files = {f"images/{number}.png": picture(number) for number in range(1, 5)}
        return {"set": {_TABLE: _table().encode(), **files}}

    def named(self) -> Sequence[Case]:
        """Broken tables by hand."""
        header = _table().partition("\n")[0]
        rows = _table().partition("\n")[2]
        changes = (
            (rows, REFUSED, "without a header"),
            (f"{header}\n1.png,64,48,cat,nan,1,9,9\n", REFUSED, "NaN"),
            (f"{header}\n1.png,64,48,cat\n", REFUSED, "too few cells"),
            (f'{header}\n"1.png,{"x" * 200_000}', REFUSED, "a quote without end"),
            (header + "," * 60_000 + "\n", REFUSED, "60,000 columns"),
            (f"{header}\n" + f"{'/' * 900}1.png,64,48,cat,1,1,9,9\n", "any", "slashes"),
            (f"{header}\n../../../etc/passwd,64,48,cat,1,1,9,9\n", "any", "leads away"),
        )
        return [
            Case("set", {_TABLE: text.encode()}, expects, story) for text, expects, story in changes
        ]

    def mutate(self, draw: random.Random) -> Case:
        """A change of the table, or the same rows in other columns."""
        if draw.random() < 0.2:
            text, story = self._rewritten(draw)
            return Case("set", {_TABLE: text}, SAME, story)
        text, story = lines.mutated(draw, _table())
        return Case("set", {_TABLE: text}, story=story)

    def _rewritten(self, draw: random.Random) -> tuple[bytes, str]:
        """The same boxes with another delimiter and order of columns."""
        cells = [line.split(",") for line in _table().splitlines()]
        order = list(range(len(cells[0])))
        draw.shuffle(order)
        delimiter = draw.choice(",;\t|")
        text = "\n".join(delimiter.join(row[place] for place in order) for row in cells)
        return lines.resaved(draw, text)[0], f"columns {order}, {delimiter!r}"


class XmlFolderKind(DatasetKind):
    """Three pictures and their XML files in folders beside each other."""

    name = "xml"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """Pictures in images/, XML in annotations/."""
        files = {}
        for number in range(1, 4):
            files[f"annotations/{number}.xml"] = annotation_text(number).encode()
            files[f"images/{number}.png"] = picture(number)
        return {"set": files}

    def mutate(self, draw: random.Random) -> Case:
        """A change of one file."""
        text, chance = self.seeds["set"][_XML], draw.random()
        if chance < 0.15:
            changed, story = xml_tree.rewritten(draw, text)
            return Case("set", {_XML: changed}, SAME, story)
        if chance < 0.2:
            changed, story = xml_tree.surely_no_xml(draw, text)
            return Case("set", {_XML: changed}, story=story)
        if chance < 0.25:
            return Case("set", {_XML: None}, story="without an XML file")
        changed, story = xml_tree.mutated(draw, text)
        return Case("set", {_XML: changed}, story=story)
