"""Write RecordIO files and lists as MXNet's tools do, and broken ones."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

MAGIC = struct.pack("<I", 0xCED7230A)


def encoded(seed: int = 0, size_hw: tuple[int, int] = (60, 80), kind: str = ".jpg") -> bytes:
    """An image of smooth noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    done, data = cv2.imencode(kind, cv2.resize(coarse, size_hw[::-1]))
    assert done
    return bytes(data)


def row(*objects: Sequence[float], header: Sequence[float] = (), width: int = 6) -> list[float]:
    """The numbers of a detection label."""
    numbers = [2.0 + len(header), float(width), *header]
    for item in objects:
        assert len(item) == width
        numbers += item
    return numbers


def data_of(number: int, label: Sequence[float] | float, image: bytes) -> bytes:
    """The data of a record: head, label numbers and image."""
    if isinstance(label, float):
        return struct.pack("<IfQQ", 0, label, number, 0) + image
    numbers = np.asarray(label, dtype="<f4").tobytes()
    return struct.pack("<IfQQ", len(label), 0.0, number, 0) + numbers + image


def framed(data: bytes) -> bytes:
    """A record, in parts where the data hold the magic number at a multiple of 4."""
    cuts = [at for at in range(0, len(data) - 3, 4) if data[at : at + 4] == MAGIC]
    starts, ends = [0, *(at + 4 for at in cuts)], [*cuts, len(data)]
    parts = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    out = b""
    for number, part in enumerate(parts):
        kind = 0 if len(parts) == 1 else 1 if not number else 3 if number == len(parts) - 1 else 2
        out += MAGIC + struct.pack("<I", kind << 29 | len(part)) + part + b"\0" * (-len(part) % 4)
    return out


def write_records(path: Path, records: Sequence[bytes], *, index: bool = False) -> Path:
    """A RecordIO file of records' data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = list(map(framed, records))
    path.write_bytes(b"".join(frames))
    if index:
        starts = np.cumsum([0, *map(len, frames)])[:-1]
        lines = (f"{number}\t{start}\n" for number, start in enumerate(starts))
        path.with_suffix(".idx").write_text("".join(lines))
    return path


def write_cells(root: Path, split: str, count: int = 3, first: int = 0) -> Path:
    """A RecordIO file of images of one object each, of three classes in turn."""
    return write_records(
        root / f"{split}.rec",
        [
            data_of(n, row((n % 3, 0.1, 0.2, 0.5, 0.9, n % 2)), encoded(n))
            for n in range(first, first + count)
        ],
        index=True,
    )
