"""Tables: detections as JSON lines in two forms, gone on with; and those of Open Images."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree, lines

_PART, _RUN = "part-000000.jsonl", "_run.json"
_FACTS = {"model": "tiny", "threshold": 0.5}
_LABELS = "/m/01,cat\n/m/02,dog\n/m/03,bird\n"
_IMAGES = "ImageID,Subset\n00000000000000aa,validation\n00000000000000ab,validation\n"
_BOXES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,"
    "IsDepiction,IsInside\n"
    "00000000000000aa,xclick,/m/01,1,0.1,0.4,0.2,0.5,0,0,0,0,0\n"
    "00000000000000aa,xclick,/m/02,1,0.3,0.9,0.1,0.6,0,1,0,0,0\n"
    "00000000000000ab,xclick,/m/03,1,0,0.2,0,0.2,0,0,1,0,0\n"
    "00000000000000ab,xclick,/m/02,1,0.5,1,0.5,1,1,0,0,0,0\n"
)


def _answers() -> list[dict[str, Any]]:
    size = {"width": 64, "height": 48}
    found = [[0.0, 0.9, 0.1, 0.2, 0.5, 0.75], [1.0, 0.5, 0.0, 0.0, 1.0, 1.0]]
    return [
        {"file": "a.jpg", **size, "prediction": found},
        {"file": "b.jpg", **size, "prediction": []},
        {"file": "c.jpg", "error": "it is empty"},
    ]


def _rows() -> list[dict[str, Any]]:
    box, other = [1.5, 2.0, 30.25, 40.0], [5.0, 6.0, 7.0, 8.0]
    found = {"labels": [0, 1], "names": ["cat", "dog"], "scores": [0.9, 0.5]}
    size = {"width": 64, "height": 48}
    none = {"labels": [], "names": [], "scores": [], "boxes_px": [], "error": None}
    return [
        {"file": "a.jpg", **size, **found, "boxes_px": [box, other], "error": None},
        {"file": "b.jpg", **size, **none},
        {**none, "file": "c.jpg", "width": None, "height": None, "error": "it is empty"},
    ]


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


class TableKind(Kind):
    """A folder of detections, and the three tables of Open Images."""

    name = "table"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """Three rows of detections in two forms; four boxes in two images."""
        part, answers = map(_lines, (_rows(), _answers()))
        run = json.dumps({"format": "jsonl", **_FACTS}).encode()
        other = run.replace(b'"jsonl"', b'"endpoint"')
        tables = {"labels.csv": _LABELS, "images.csv": _IMAGES, "boxes.csv": _BOXES}
        return {
            "detections": {_PART: part, _RUN: run},
            "answers": {_PART: answers, _RUN: other},
            "openimages": {name: text.encode() for name, text in tables.items()},
        }

    def mutate(self, draw: random.Random) -> Case:
        """A row or a line changed."""
        seed = draw.choice(list(self.seeds))
        name = draw.choice(list(self.seeds[seed]))
        content = self.seeds[seed][name]
        if seed == "openimages" and draw.random() < 0.15:
            text = content.replace(b"\n", b"\r\n") if draw.random() < 0.5 else content
            return Case(
                seed, {name: draw.choice((b"", b"\xef\xbb\xbf")) + text}, SAME, f"{name} saved"
            )
        if seed == "openimages" or draw.random() < 0.3:
            text, story = lines.mutated(draw, content.decode())
            return Case(seed, {name: text}, story=f"{name}: {story}")
        texts = content.splitlines()
        number = draw.randrange(len(texts))
        texts[number], story = json_tree.mutated(draw, json.loads(texts[number]))
        joined = b"".join(text + b"\n" for text in texts)
        return Case(seed, {name: joined}, story=f"{name} {number}: {story}")

    def read(self, folder: Path, seed: str) -> Any:
        """What of a folder of detections is done; the boxes of Open Images."""
        if seed != "openimages":
            from gluon_ssd.inference.tables.part_folder import open_parts

            form = "jsonl" if seed == "detections" else "endpoint"
            with open_parts(folder, form, _FACTS) as parts:
                return sorted(parts.done), parts.tally
        return self._boxes(folder)

    def _boxes(self, folder: Path) -> Any:
        from gluon_ssd.data.prepare import openimages_tables as tables
        from gluon_ssd.data.prepare.tally import Tally

        boxes, tally = folder / "boxes.csv", Tally("boxes.csv")
        labels = tables.read_labels(folder / "labels.csv", ("cat", "dog"))
        listed = tables.read_image_ids(folder / "images.csv")
        wanted = tables.wanted_images(boxes, labels, listed, tally, lambda rows: None)
        rows = list(tables.read_boxes(boxes, labels, listed, Tally("boxes.csv")))
        return wanted, [tuple(row) for row in rows], tally.lines()
