"""Annotations, lists and folders in VOC layout."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from scripts.fuzzing.case import REFUSED, SAME, Case
from scripts.fuzzing.kinds.dataset_kind import DatasetKind
from scripts.fuzzing.kinds.drawn import CLASSES, HEIGHT, WIDTH, boxes, picture
from scripts.fuzzing.mutations import lines, xml_tree

_FILE = "Annotations/1.xml"
_LIST = "ImageSets/Main/train.txt"


def annotation_text(number: int) -> str:
    """The XML of a picture of three objects, one of them difficult."""
    objects = "".join(
        f"<object><name>{CLASSES[n % 2]}</name><pose>Left</pose><truncated>0</truncated>"
        f"<difficult>{int(n == 2)}</difficult><bndbox><xmin>{box[0] + 1}</xmin><ymin>{box[1] + 1}"
        f"</ymin><xmax>{box[2] + 1}</xmax><ymax>{box[3] + 1}</ymax></bndbox></object>"
        for n, box in enumerate(boxes(random.Random(number), 3))
    )
    return (
        f"<annotation><folder>VOC</folder><filename>{number}.png</filename><size><width>{WIDTH}"
        f"</width><height>{HEIGHT}</height><depth>3</depth></size>{objects}</annotation>"
    )


class VocKind(DatasetKind):
    """One set of three images; the first one's file is changed, or the list."""

    name = "voc"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """Three pictures of three objects each, one of them difficult."""
        files = {_LIST: b"1\n2\n3\n", "ImageSets/Main/val.txt": b"2\n3\n"}
        for number in range(1, 4):
            files[f"Annotations/{number}.xml"] = annotation_text(number).encode()
            files[f"JPEGImages/{number}.png"] = picture(number)
        return {"set": files}

    def named(self) -> Sequence[Case]:
        """Inputs that once ended in tracebacks."""
        text = self._text.decode()
        changes = (
            ("difficult of a superscript", "<difficult>0<", "<difficult>\u00b2<", ""),
            ("a width of 1e308", f"<width>{WIDTH}<", "<width>1e308<", ""),
            ("a width of 400 digits", f"<width>{WIDTH}<", f"<width>{'9' * 400}<", ""),
            ("a height of 10^30", f"<height>{HEIGHT}<", f"<height>1{'0' * 30}<", ""),
            ("xmin of 1e308", "<xmin>", "<xmin>1e30", ""),
            ("nested 100,000 deep", "</filename>", "</filename>" + "<a>" * 100_000, REFUSED),
            ("12 MB of objects", "</size>", "</size>" + f"<a>{'x' * 80}</a>" * 140_000, SAME),
        )
        return [
            Case("set", {_FILE: text.replace(old, new, 1).encode()}, expects or "any", story)
            for story, old, new, expects in changes
        ]

    def mutate(self, draw: random.Random) -> Case:
        """A change of the annotation mostly, and now and then of the list."""
        chance = draw.random()
        if chance < 0.12:
            text, story = xml_tree.rewritten(draw, self._text)
            return Case("set", {_FILE: text}, SAME, story)
        if chance < 0.16:
            text, story = lines.resaved(draw, "1\n2\n3\n")
            return Case("set", {_LIST: text}, SAME, f"the list {story}")
        if chance < 0.2:
            text, story = xml_tree.surely_no_xml(draw, self._text)
            return Case("set", {_FILE: text}, REFUSED, story)
        if chance < 0.3:
            text, story = lines.mutated(draw, draw.choice(("1\n2\n3", "1 1\n2 -1\n3  0")))
            return Case("set", {_LIST: text}, story=f"the list: {story}")
        text, story = xml_tree.mutated(draw, self._text)
        return Case("set", {_FILE: text}, story=story)

    @property
    def _text(self) -> bytes:
        return self.seeds["set"][_FILE]
