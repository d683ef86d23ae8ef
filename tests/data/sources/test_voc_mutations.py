"""VOC files that are changed at random: a data set, or one line that names the file."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.data.sources.voc import VocDataset
from gluon_ssd.data.sources.voc_class_names import class_names
from gluon_ssd.errors import DataError
from tests.data.builders import voc_object, voc_xml, write_voc

SOUND = '<?xml version="1.0" encoding="utf-8"?>' + voc_xml(
    [
        voc_object("dog", (11, 6, 50, 45)),
        voc_object(
            "cat", ("1.5", 1, 20, 30), difficult="1", extra="<part><name>head</name></part>"
        ),
    ]
)
PIECES = [
    *(
        "<",
        ">",
        "</",
        "/>",
        "&",
        "&#10;",
        "&#xD800;",
        "<![CDATA[",
        "<!--",
        "<!ENTITY",
        "<?xml",
        "'",
    ),
    *("<object>", "</object>", "<bndbox>", "</bndbox>", "<size>", "</size>", "<name>", "</name>"),
    *("nan", "inf", "-1", "1e308", "1e999", "9" * 5000, "²", "１", "0.5", "1_0", "", " ", "\n"),
    *("\0", "\ud800", "\u2028", "\ufeff", "猫", "utf-16", "gb2312", "klingon", "<a>" * 3000),
]


def mutate(text: str, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice((0, 0, 1, 3, 40)))
        kind = draw.choice(("insert", "delete", "repeat", "cut"))
        middle = {
            "insert": draw.choice(PIECES),
            "delete": "",
            "repeat": text[start:end] * 3,
            "cut": "",
        }[kind]
        text = text[:start] + middle + ("" if kind == "cut" else text[end:])
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    if content and draw.random() < 0.3:
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


@pytest.mark.parametrize("seed", range(5))
def test_changed_annotations_are_read_or_named(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    write_voc(tmp_path, {"a": SOUND})
    file = tmp_path / "Annotations/a.xml"
    num_read = 0
    for _ in range(100):
        file.write_bytes(mutate(SOUND, draw))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            num_read += _read_or_named(tmp_path, file)
    assert 0 < num_read < 100


def _read_or_named(root: Path, file: Path) -> bool:
    try:
        classes = class_names([root / "Annotations"])
        dataset = VocDataset(root, splits=[("", "train")], classes=classes)
    except DataError as error:
        message = str(error)
        assert file.name in message or "no object in any annotation file" in message
        assert "\n" not in message and len(message) < 1000
        message.encode()
        return False
    annotation = dataset.annotation(0)
    height, width = annotation.size_hw
    assert np.isfinite(annotation.boxes_px).all()
    assert (annotation.boxes_px <= np.array([width, height, width, height])).all()
    assert all(name.strip() and "\n" not in name for name in classes)
    return True


@pytest.mark.parametrize("seed", range(3))
def test_changed_lists_are_read_or_named(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    write_voc(tmp_path, {"a": SOUND, "b": SOUND, "photo 1": SOUND})
    file = tmp_path / "ImageSets/Main/train.txt"
    pieces = ["\n", "\r", "a", "b", "photo 1", " 1", " -1", "/", "\\", "..", "._", "\0", "\ufeff"]
    for _ in range(100):
        lines = "".join(draw.choice(pieces) for _ in range(draw.randint(1, 12)))
        file.write_bytes(b"a\nb\n" + lines.encode() + b"\xff" * draw.choice((0, 0, 0, 1)))
        try:
            dataset = VocDataset(tmp_path, splits=[("", "train")], classes=("dog", "cat"))
        except DataError as error:
            assert "train.txt" in str(error) or "cannot read the annotation" in str(error)
            assert "\n" not in str(error)
        else:
            ids = [dataset.image_id(i) for i in range(len(dataset))]
            assert ids[:2] == ["a", "b"] and set(ids) <= {"a", "b", "photo 1"}
