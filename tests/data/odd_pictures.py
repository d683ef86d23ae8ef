"""Contents of picture files that are odd or hostile, each of some kilobytes, made in memory."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

PNG_START = b"\x89PNG\r\n\x1a\n"


def scene(size_hw: tuple[int, int] = (60, 80), seed: int = 0) -> np.ndarray:
    """uint8 (H, W, 3) of smooth noise, which JPEG needs many bytes for."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)


def encoded(suffix: str, image: np.ndarray | None = None) -> bytes:
    """A picture in a format of OpenCV, such as .jpg."""
    done, content = cv2.imencode(suffix, scene() if image is None else image)
    assert done
    return content.tobytes()


def gif(size_hw: tuple[int, int] = (60, 80), frames: int = 1) -> bytes:
    """A GIF; frame n is of the colour (40 n + 20, 0, 0)."""
    height, width = size_hw
    images = [Image.new("RGB", (width, height), (40 * n + 20, 0, 0)) for n in range(frames)]
    content = io.BytesIO()
    images[0].save(content, "GIF", save_all=True, append_images=images[1:])
    return content.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A part of a PNG, with its sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, data: bytes, bits: int = 8, color: int = 2) -> bytes:
    """A PNG of any size with any data, packed."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    packed = zlib.compress(data, 9)
    return PNG_START + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    """A sound JPEG whose header says another size."""
    content = bytearray(encoded(".jpg"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def bmp_of(width: int, height: int) -> bytes:
    """A BMP of a header and few pixels."""
    content = bytearray(encoded(".bmp"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def webp_of(width: int, height: int) -> bytes:
    """A WebP with the extended header of another size."""
    inner = encoded(".webp")[12:]
    sides = [(side - 1).to_bytes(3, "little") for side in (width, height)]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"".join(sides) + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_of(tags: dict[int, int], *, order: str = "<", big: bool = False) -> bytes:
    """A TIFF of one directory of 32-bit numbers, without pixels."""
    start = b"II" if order == "<" else b"MM"
    if big:
        head = (
            start + struct.pack(f"{order}HHHQ", 43, 8, 0, 16) + struct.pack(f"{order}Q", len(tags))
        )
        rows = [struct.pack(f"{order}HHQQ", tag, 16, 1, value) for tag, value in tags.items()]
        return head + b"".join(rows) + bytes(8)
    head = start + struct.pack(f"{order}HI", 42, 8) + struct.pack(f"{order}H", len(tags))
    rows = [struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items()]
    return head + b"".join(rows) + bytes(4)


def gif_of(width: int, height: int) -> bytes:
    """A GIF whose header says another size."""
    content = bytearray(gif())
    content[6:10] = struct.pack("<HH", width, height)
    return bytes(content)


def damaged_jpeg(seed: int = 0, size_hw: tuple[int, int] = (120, 160)) -> bytes:
    """A JPEG with sound header and end whose data are damaged so that libjpeg warns."""
    content = bytearray(encoded(".jpg", scene(size_hw, seed)))
    middle = (content.index(b"\xff\xda") + len(content)) // 2
    content[middle : middle + 40] = b"\xff\xd0" * 20
    return bytes(content)


def damaged_png() -> bytes:
    """A PNG with sound header and end whose data are damaged."""
    content = bytearray(encoded(".png"))
    content[len(content) // 2] ^= 0x10
    return bytes(content)


def dark_png(bits_used: int = 12) -> bytes:
    """A grey PNG of 16 bits that uses fewer."""
    row = np.linspace(0, 2**bits_used - 1, 80).astype(np.uint16)
    return encoded(".png", np.tile(row, (60, 1)))


def jpeg_with_two_sizes(marker: bytes, width: int, height: int) -> bytes:
    """A JPEG that has 80 x 60 pixels for who reads a length behind `marker`, else so many."""
    small, large = encoded(".jpg"), jpeg_of(width, height)
    frame = large.index(b"\xff\xc0")
    end = frame + 2 + int.from_bytes(large[frame + 2 : frame + 4], "big")
    start = large[:2] + marker
    # The next marker is that length: 0xFFC0.
    whole = start + large[frame:end] + large[2:frame] + large[end:]
    return whole.ljust(len(start) + 0xFFC0, b"\0") + small[small.index(b"\xff\xc0") :]
