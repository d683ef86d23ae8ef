"""RecordIO files of MXNet with detection labels, and the lists that they are made from."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence

import numpy as np

from scripts.fuzzing.case import REFUSED, SAME, Case
from scripts.fuzzing.kinds.dataset_kind import DatasetKind
from scripts.fuzzing.kinds.drawn import CLASSES, HEIGHT, WIDTH, boxes, picture
from scripts.fuzzing.mutations import lines
from scripts.fuzzing.mutations.blocks import damage

_MAGIC = struct.pack("<I", 0xCED7230A)
_REC, _IDX, _LST = "train.rec", "train.idx", "train.lst"
_NAMES = {"classes.txt": "\n".join(CLASSES).encode()}


def _label(draw: random.Random, width: int, header: Sequence[float] = ()) -> list[float]:
    numbers = [2.0 + len(header), float(width), *header]
    for count, box in enumerate(boxes(draw, 3)):
        shares = [value / side for value, side in zip(box, (WIDTH, HEIGHT) * 2, strict=True)]
        numbers += [float(count % len(CLASSES)), *shares, *[0.0] * (width - 5)]
    return numbers


def _frame(data: bytes, kind: int = 0) -> bytes:
    return _MAGIC + struct.pack("<I", kind << 29 | len(data)) + data + b"\0" * (-len(data) % 4)


def _record(number: int, label: Sequence[float], image: bytes) -> bytes:
    head = struct.pack("<IfQQ", len(label), 0.0, number, 0)
    data = head + np.asarray(label, dtype="<f4").tobytes() + image
    if number != 2:
        return _frame(data)
    # The magic number behind the picture twice, each time at a multiple of 4: three parts.
    data += b"\0" * (-len(data) % 4)
    return _frame(data, 1) + _frame(b"abcd", 2) + _frame(b"end", 3)


class RecordioKind(DatasetKind):
    """Four records, one of them in parts."""

    name = "recordio"
    in_suite = 100

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A file with its index and class names."""
        draw = random.Random(3)
        widths = (5, 6, 6, 8)
        records = [
            _record(n, _label(draw, width, (WIDTH, HEIGHT) if n == 1 else ()), picture(n))
            for n, width in enumerate(widths)
        ]
        starts = np.cumsum([0, *map(len, records)])[:-1]
        index = "".join(f"{n}\t{start}\n" for n, start in enumerate(starts)).encode()
        return {"set": {_REC: b"".join(records), _IDX: index, **_NAMES}}

    def named(self) -> Sequence[Case]:
        """What no reader may believe."""
        content = self.seeds["set"][_REC]
        longest = _MAGIC + struct.pack("<I", (1 << 29) - 1)
        many = _frame(struct.pack("<IfQQ", 0xFFFFFFFF, 0, 0, 0))
        stories = {
            "a length of 2^29": longest + content[8:],
            "4,294,967,295 label numbers": many + content,
            "empty": b"",
            "a JPEG": picture(1, ".jpg"),
            "cut": content[:-40],
            "a first part without an end": content + _frame(b"abcd", 1),
        }
        cases = [Case("set", {_REC: data}, REFUSED, story) for story, data in stories.items()]
        index = self.seeds["set"][_IDX]
        beyond = index + f"9\t{len(content) + 100}\n".encode()
        cases.append(Case("set", {_IDX: beyond}, REFUSED, "an index beyond the file"))
        cases.append(Case("set", {_IDX: None}, SAME, "no index"))
        return cases

    def mutate(self, draw: random.Random) -> Case:
        """Damaged bytes mostly; a cut, or another index."""
        content, index = self.seeds["set"][_REC], self.seeds["set"][_IDX]
        chance = draw.random()
        if chance < 0.1:
            mixed = index.splitlines(keepends=True)
            draw.shuffle(mixed)
            return Case("set", {_IDX: b"".join(mixed)}, SAME, "index in another order")
        if chance < 0.2:
            changed, story = lines.mutated(draw, index.decode())
            return Case("set", {_IDX: changed}, story=f"index: {story}")
        if chance < 0.3:
            # The last record has more bytes than this.
            return Case("set", {_REC: content[: -draw.randrange(8, 200)]}, REFUSED, "cut")
        changed, story = damage(draw, content)
        return Case("set", {_REC: changed}, story=story)


class LstKind(DatasetKind):
    """Four images with three boxes each."""

    name = "lst"
    in_suite = 100

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A list, its images and class names."""
        draw = random.Random(4)
        text = ""
        for number in range(4):
            label = "\t".join(f"{value:.6f}" for value in _label(draw, 5 + number))
            text += f"{number}\t{label}\timages/{number}.png\n"
        images = {f"images/{number}.png": picture(number) for number in range(4)}
        return {"set": {_LST: text.encode(), **images, **_NAMES}}

    def mutate(self, draw: random.Random) -> Case:
        """Changed lines, a field of one, or the same ones saved by another editor."""
        text = self.seeds["set"][_LST].decode()
        chance = draw.random()
        if chance < 0.15:
            content, story = lines.resaved(draw, text)
            return Case("set", {_LST: content}, SAME, story)
        rows = [line.split("\t") for line in text.splitlines()]
        row = draw.choice(rows)
        if chance < 0.3:
            del row[draw.randrange(3, len(row) - 1)]
            return Case("set", {_LST: _joined(rows)}, REFUSED, "a label with half a box")
        if chance < 0.6:
            row[draw.randrange(len(row))] = draw.choice(
                ("", "-1", "nan", "inf", "1e400", "1e30", "0.5", "9" * 400, "../a.png", "\u0967")
            )
            return Case("set", {_LST: _joined(rows)}, story="a field")
        content, story = lines.mutated(draw, text)
        return Case("set", {_LST: content}, story=story)


def _joined(rows: Sequence[Sequence[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()
