"""Drawn frames as streams of a camera: Motion JPEG and H.264 in packets of RTP."""

from __future__ import annotations

import re
import struct
from base64 import b64encode
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np

HW = (96, 128)
_MOST_BYTES = 300  # of a payload, so that a frame needs several


class Stream(NamedTuple):
    """number: of the payload type. media: its lines of SDP. frames: the payloads of each."""

    number: int
    media: str
    frames: list[list[bytes]]


def drawn(number: int) -> np.ndarray:
    """Frame `number`, BGR: red with a value of its own, for up to ten frames."""
    frame = np.zeros((*HW, 3), np.uint8)
    frame[..., 2] = 20 + 22 * (number % 10)
    return frame


def number_of(pixels: np.ndarray) -> int:
    """Which of these ten a frame is, RGB, that came out of a codec."""
    return round((float(pixels[..., 0].mean()) - 20) / 22)


def motion_jpeg(count: int) -> Stream:
    """RFC 2435."""
    encoded = (cv2.imencode(".jpg", drawn(number))[1].tobytes() for number in range(count))
    return Stream(26, "", [jpeg_payloads(content) for content in encoded])


def jpeg_payloads(content: bytes) -> list[bytes]:
    """A JPEG file, taken apart."""
    at, tables = 2, b""
    while True:
        marker, length = struct.unpack(">HH", content[at : at + 4])
        body = content[at + 4 : at + 2 + length]
        if marker == 0xFFDB:
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        if marker == 0xFFC0:
            height, width, sampling = *struct.unpack(">HH", body[1:5]), body[7]
        at += 2 + length
        if marker == 0xFFDA:
            break
    scan, kind = content[at:-2], {0x21: 0, 0x22: 1}[sampling]
    payloads = []
    for start in range(0, len(scan), _MOST_BYTES):
        place = struct.pack(">I", start)[1:]
        head = b"\0" + place + bytes([kind, 255, width // 8, height // 8])
        head += b"" if start else struct.pack(">HH", 0, len(tables)) + tables
        payloads.append(head + scan[start : start + _MOST_BYTES])
    return payloads


def h264(count: int) -> Stream:
    """RFC 6184, with a whole picture every ten frames; needs the package av."""
    import av

    codec = av.CodecContext.create("libx264", "w")
    codec.height, codec.width = HW
    codec.pix_fmt, codec.time_base = "yuv420p", Fraction(1, 25)
    codec.options = {"tune": "zerolatency", "preset": "ultrafast", "g": "10"}
    packets = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(drawn(number), format="bgr24")
        frame.pts = number
        packets += codec.encode(frame)
    packets += codec.encode(None)
    frames = [[unit for unit in re.split(b"\0\0\0?\1", bytes(each)) if unit] for each in packets]
    sets = ",".join(b64encode(unit).decode() for unit in frames[0] if unit[0] & 31 in (7, 8))
    media = (
        f"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
    )
    return Stream(96, media, [[p for unit in units for p in _unit(unit)] for units in frames])


def _unit(unit: bytes) -> list[bytes]:
    """A unit of H.264 as it is, or in fragments."""
    if len(unit) <= _MOST_BYTES:
        return [unit]
    starts = range(1, len(unit), _MOST_BYTES)
    kind = bytes([unit[0] & 0xE0 | 28])
    return [
        kind
        + bytes([unit[0] & 31 | (start == starts[0]) << 7 | (start == starts[-1]) << 6])
        + unit[start : start + _MOST_BYTES]
        for start in starts
    ]
