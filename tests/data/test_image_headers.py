from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest

from gluon_ssd.data.image_headers import FileProblem, read_header
from gluon_ssd.data.images import decode_image
from tests.data import odd_pictures as odd


def header(content: bytes):
    return read_header(io.BytesIO(content))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
@pytest.mark.parametrize("size_hw", [(1, 1), (37, 51), (300, 7)])
def test_every_format_tells_its_size(suffix, size_hw):
    content = odd.encoded(suffix, odd.scene(size_hw))
    assert header(content).size_hw == size_hw
    assert cv2.imdecode(np.frombuffer(content, np.uint8), 1).shape[:2] == size_hw


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (odd.gif((20, 30)), "GIF"),
        (odd.webp_of(30, 20), "WebP"),
        (
            cv2.imencode(".webp", odd.scene((20, 30)), [cv2.IMWRITE_WEBP_QUALITY, 101])[
                1
            ].tobytes(),
            "WebP",
        ),
        (odd.tiff_of({256: 30, 257: 20}), "TIFF"),
        (odd.tiff_of({256: 30, 257: 20}, order=">"), "TIFF"),
        (odd.tiff_of({256: 30, 257: 20}, big=True), "TIFF"),
        (odd.tiff_of({256: 30, 257: 20}, order=">", big=True), "TIFF"),
        (odd.bmp_of(30, -20), "BMP"),
        (b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 30, 20, 1, 24), "BMP"),
    ],
    ids=range(9),
)
def test_other_headers(content, kind):
    found = header(content)
    assert (found.kind, found.size_hw) == (kind, (20, 30))


@pytest.mark.parametrize(
    ("content", "bits"),
    [
        (odd.dark_png(), 16),
        (odd.encoded(".png"), 8),
        (odd.encoded(".tif", odd.scene().astype(np.uint16)), 16),
        (odd.encoded(".tif"), 8),
        (odd.encoded(".tif", odd.scene()[..., 0].astype(np.uint16)), 16),
    ],
)
def test_bits_of_a_channel(content, bits):
    assert header(content).bits == bits


def test_tiles_larger_than_the_picture_count():
    tags = {256: 30, 257: 20, 322: 100_000, 323: 100_000}
    assert header(odd.tiff_of(tags)).pixels == 10**10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"<html>", "it cannot be decoded: it is no JPEG, PNG, BMP, WebP, TIFF or GIF"),
        (b"RIFF____WAVEfmt ", "it is no JPEG"),
        (b"P6 2 2 255 " + bytes(12), "it is no JPEG"),
        (odd.PNG_START + b"\0\0\0\rIHDR\0\0", "cut off inside its header"),
        (odd.PNG_START + b"\0\0\0\rIDAT" + bytes(40), "the PNG header is damaged"),
        (b"BM" + bytes(10), "cut off inside its header"),
        (b"GIF89a\1", "cut off inside its header"),
        (odd.webp_of(3, 3)[:28], "cut off inside its header"),
        (odd.webp_of(3, 3).replace(b"VP8X", b"VP8Y"), "the WebP header is damaged"),
        (b"II*\0\xff\xff\xff\x7f", "cut off inside its header"),
        (b"II*\0\x08\0\0\0\xff\xff", "its TIFF header has 65535 tags, allowed are 4096"),
        (b"MM\0+" + bytes(4) + b"\xff" * 8, "cut off inside its header"),
        (odd.tiff_of({256: 5}), "its TIFF header says 5 x 0 pixels"),
        (b"GIF89a\0\0\5\0\0\0\0,\0\0\0\0\0\0\0\0", "its GIF header says 0 x 5 pixels"),
        (odd.png(0, 0, b""), "its PNG header says 0 x 0 pixels"),
        (b"\xff\xd8" + b"\xff\xe1\0\2" * 20_000, "the JPEG header has more than 10000 parts"),
        (b"\xff\xd8" + b"\xff" * 20_000, "the JPEG header is damaged"),
        (b"\xff\xd8\xff\xe1\0\0" + bytes(20), "the JPEG header is damaged"),
    ],
)
def test_what_is_wrong_is_said(content, message):
    with pytest.raises(FileProblem, match=message):
        header(content)


@pytest.mark.parametrize("marker", [b"\xff\x01", b"\xff\xd0", b"\xff\xd7"])
def test_a_marker_without_a_length_hides_no_size(marker):
    assert header(odd.jpeg_with_two_sizes(marker, 65_000, 64_000)).size_hw == (64_000, 65_000)


@pytest.mark.parametrize("marker", [b"\xff\x00", b"\xff\x02", b"\xff\xbf"])
def test_what_is_no_marker_of_a_jpeg_is_damage(marker):
    with pytest.raises(FileProblem, match="the JPEG header is damaged"):
        header(odd.jpeg_with_two_sizes(marker, 65_000, 64_000))


@pytest.mark.parametrize("signed", [6, 8, 9, 17])
def test_signed_numbers_of_a_tiff_count_too(signed):
    content = bytearray(odd.tiff_of({256: 30, 257: 20, 322: 100, 323: 120}, big=True))
    for row in range(4):
        struct.pack_into("<H", content, 16 + 8 + 20 * row + 2, signed)
    found = header(bytes(content))
    assert (found.size_hw, found.pixels) == ((20, 30), 12_000)


def gif_with(before_frame: bytes, size_hw=(20, 30)) -> bytes:
    content = odd.gif(size_hw)
    frame = content.index(b",\0\0\0\0")
    return content[:frame] + before_frame + content[frame:]


def test_a_frame_of_a_gif_may_reach_beyond_its_header(tmp_path):
    content = odd.gif_of(7, 5)
    assert header(content).size_hw == (60, 80)
    assert decode_image(content, "a.gif").shape[:2] == (60, 80)
    moved = bytearray(content)
    place = moved.index(b",\0\0\0\0")
    moved[place + 1 : place + 5] = struct.pack("<HH", 100, 200)
    assert header(bytes(moved)).size_hw == (260, 180)
    assert decode_image(bytes(moved), "a.gif").shape[:2] == (260, 180)


def test_comments_of_a_gif_are_passed_over():
    comment = b"!\xfe\x05,,,,,\x02!,\0"
    assert header(gif_with(comment * 3)).size_hw == (20, 30)
    with pytest.raises(FileProblem, match="more than 10000 parts before its first frame"):
        header(gif_with(b"!\xfe\0" * 10_000))
    with pytest.raises(FileProblem, match="the GIF has no frame"):
        header(gif_with(b";"))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif", ".gif"])
def test_mutated_headers_are_answers_or_problems(suffix):
    rng = np.random.default_rng(1)
    sound = odd.gif() if suffix == ".gif" else odd.encoded(suffix)
    answers = 0
    for _ in range(300):
        content = bytearray(sound[: rng.integers(1, len(sound) + 1)])
        for place in rng.integers(0, min(len(content), 60), 3):
            content[place] = rng.integers(256)
        try:
            answers += min(header(bytes(content)).size_hw) > 0
        except FileProblem as problem:
            assert "\n" not in str(problem)
    assert answers < 300
