"""Pictures in the formats that are read."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.kinds.drawn import picture
from scripts.fuzzing.mutations.blocks import damage

_ENDINGS = (".jpg", ".png", ".bmp", ".webp", ".tif")
_FILE = "picture"
_MOST_PIXELS = 50_000_000  # of a picture here, so that what is allowed stays below 1 GiB


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def _claiming_png(width: int, height: int, rows: int) -> bytes:
    """A PNG whose header says a size, of which only some rows are there."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((width + 1) * rows))
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _exif(orientation: int) -> bytes:
    """A segment of JPEG that says how the camera was held."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + bytes(4)
    content = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


class PictureKind(Kind):
    """A seed for each format."""

    name = "picture"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """The same picture in every format, and a progressive and a grey one."""
        import cv2
        import numpy as np
        from PIL import Image

        pixels = cv2.imdecode(np.frombuffer(picture(3), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        files = {}
        for name, options in {
            "gif": {"format": "GIF"},
            "progressive": {"format": "JPEG", "progressive": True},
            "lzw": {"format": "TIFF", "compression": "tiff_lzw"},
            "palette": {"format": "PNG"},
        }.items():
            image = Image.fromarray(pixels)
            if name == "palette":
                image = image.convert("P")
            stream = io.BytesIO()
            image.save(stream, **options)
            files[name] = {f"{_FILE}": stream.getvalue()}
        for ending in _ENDINGS:
            files[ending[1:]] = {_FILE: picture(3, ending)}
        return files

    def named(self) -> Sequence[Case]:
        """A file of some kilobytes that claims gigabytes, and what is no picture."""
        huge = _claiming_png(32_000, 32_000, 100)
        jpeg = self.seeds["jpg"][_FILE]
        return (
            Case("png", {_FILE: huge}, REFUSED, "a PNG of 32000 x 32000"),
            Case("png", {_FILE: b""}, REFUSED, "empty"),
            Case("png", {_FILE: b"GIF89a"}, REFUSED, "a start of a GIF"),
            Case("jpg", {_FILE: jpeg[: len(jpeg) // 2]}, REFUSED, "half a JPEG"),
            Case("jpg", {_FILE: jpeg[:2] + _exif(3) + jpeg[2:]}, SAME, "EXIF orientation 3"),
        )

    def mutate(self, draw: random.Random) -> Case:
        """Damaged bytes, a cut, or a segment that nobody reads."""
        seed = draw.choice(list(self.seeds))
        content = self.seeds[seed][_FILE]
        chance = draw.random()
        if seed in ("jpg", "progressive") and chance < 0.2:
            segment = draw.choice((_exif(draw.randrange(1, 9)), b"\xff\xfe\x00\x06abcd"))
            return Case(seed, {_FILE: content[:2] + segment + content[2:]}, SAME, f"{seed}: EXIF")
        if seed in ("png", "palette") and chance < 0.25:
            return self._broken_png(draw, seed, content)
        if seed in ("jpg", "progressive", "png", "palette") and chance < 0.3:
            cut = content[: draw.randrange(len(content) - 12)]
            return Case(seed, {_FILE: cut}, REFUSED, f"{seed}: cut off")
        changed, story = damage(draw, content)
        return Case(seed, {_FILE: changed}, story=f"{seed}: {story}")

    def _broken_png(self, draw: random.Random, seed: str, content: bytes) -> Case:
        """The pixels' own bytes changed under their checksum."""
        start = content.index(b"IDAT")
        (size,) = struct.unpack(">I", content[start - 4 : start])
        changed = bytearray(content)
        changed[start + 4 + draw.randrange(size)] ^= 1 << draw.randrange(8)
        return Case(seed, {_FILE: bytes(changed)}, REFUSED, f"{seed}: a bit of the pixels")

    def read(self, folder: Path, seed: str) -> Any:
        """The pixels, and what is said of the file without decoding it."""
        from gluon_ssd.data.images import decode_image, measure_image, read_encoded, size_of_file

        path = folder / _FILE
        size_of_file(path)
        pixels = decode_image(path.read_bytes(), path, max_pixels=_MOST_PIXELS)
        _, size_hw = read_encoded(path, max_pixels=_MOST_PIXELS)
        return pixels, size_hw, measure_image(path, max_pixels=_MOST_PIXELS)

    def complain(self, answer: Any) -> str:
        """The size that is told is that of the pixels."""
        pixels, *sizes = answer
        if any(tuple(size) != pixels.shape[:2] for size in sizes):
            return f"sizes {sizes} of a picture of {pixels.shape}"
        return "" if pixels.ndim == 3 and pixels.size else f"pixels of shape {pixels.shape}"
