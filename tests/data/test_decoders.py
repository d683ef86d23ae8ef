from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from gluon_ssd.data.decoders import (
    check_jpeg,
    check_png,
    decode_gif,
    decode_jpeg,
    decode_other,
    jpeg_warning,
)
from gluon_ssd.data.image_headers import FileProblem
from tests.data import odd_pictures as odd

AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def by_opencv(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), AS_STORED)[..., ::-1]


def jpeg(mode: str = "RGB", **options) -> bytes:
    content = io.BytesIO()
    Image.fromarray(odd.scene((61, 83))).convert(mode).save(content, "JPEG", **options)
    return content.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_has_the_pixels_of_opencv(mode, progressive, subsampling):
    content = jpeg(mode, progressive=progressive, subsampling=subsampling, quality=60)
    pixels, warning = decode_jpeg(content)
    np.testing.assert_array_equal(pixels, by_opencv(content))
    assert warning == ""


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_jpeg_tells_and_has_the_pixels_of_opencv(seed, capfd):
    content = odd.damaged_jpeg(seed)
    pixels, warning = decode_jpeg(content)
    assert "Corrupt JPEG data" in warning
    assert capfd.readouterr().err == ""
    np.testing.assert_array_equal(pixels, by_opencv(content))


@pytest.mark.parametrize("seed", range(20))
def test_damage_shows_without_decoding_too(seed):
    rng = np.random.default_rng(seed)
    content = bytearray(jpeg(progressive=bool(seed % 2)))
    assert jpeg_warning(bytes(content)) == ""
    at = int(rng.integers(len(content) // 2, len(content) - 12))
    content[at : at + 10] = rng.bytes(10)
    try:
        warning = decode_jpeg(bytes(content))[1]
    except FileProblem as problem:
        warning = str(problem)
    assert bool(jpeg_warning(bytes(content))) == bool(warning)


def test_unusual_subsampling_is_no_damage():
    assert jpeg_warning(jpeg("CMYK", subsampling="4:2:0")) == ""


def test_a_jpeg_that_is_none_is_a_problem():
    with pytest.raises(FileProblem, match="the JPEG is damaged: "):
        decode_jpeg(b"\xff\xd8" + bytes(100) + b"\xff\xd9")


def test_a_jpeg_of_endless_scans_is_refused():
    content = jpeg(progressive=True)
    scan = content.rindex(b"\xff\xda")
    bomb = content[:-2] + content[scan:-2] * 600 + content[-2:]
    with pytest.raises(FileProblem, match="the JPEG has 6.. scans, allowed are 500"):
        check_jpeg(bomb)
    check_jpeg(content)


def test_of_a_gif_the_first_frame_is_taken():
    pixels = decode_gif(odd.gif((20, 30), frames=3), 10**6)
    np.testing.assert_array_equal(pixels, np.full((20, 30, 3), (20, 0, 0), np.uint8))


@pytest.mark.parametrize("tolerated", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_broken_gif_is_a_problem_whatever_other_libraries_ask_of_pillow(
    monkeypatch, share, tolerated
):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerated)
    content = io.BytesIO()
    Image.fromarray(odd.scene()).save(content, "GIF")
    with pytest.raises(FileProblem, match="the GIF cannot be decoded"):
        decode_gif(content.getvalue()[: int(share * len(content.getvalue()))], 10**6)
    assert ImageFile.LOAD_TRUNCATED_IMAGES == tolerated


def test_a_gif_is_limited_too():
    with pytest.raises(FileProblem, match="30 x 20 pixels, allowed are 599"):
        decode_gif(odd.gif((20, 30)), 599)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tif"])
def test_the_others_are_rgb(suffix):
    content = odd.encoded(suffix)
    np.testing.assert_array_equal(decode_other(content, upright=False), by_opencv(content))


def test_what_opencv_cannot_decode_is_a_problem():
    with pytest.raises(FileProblem, match="cannot be decoded; it is damaged"):
        decode_other(odd.encoded(".webp")[:200], upright=False)


@pytest.mark.parametrize("name", ["IHDR", "IDAT"])
def test_a_wrong_sum_of_a_png_is_a_problem(name):
    content = bytearray(odd.encoded(".png"))
    content[content.index(name.encode()) + 5] ^= 1
    with pytest.raises(FileProblem, match=f"the PNG is damaged: a wrong sum in its part {name}"):
        check_png(bytes(content))


def test_a_png_may_have_text_of_a_wrong_sum():
    content = odd.encoded(".png")
    text = bytearray(odd.chunk(b"tEXt", b"a\0b"))
    text[-1] ^= 1
    mended = content[:33] + bytes(text) + content[33:]
    check_png(mended)
    np.testing.assert_array_equal(decode_other(mended, upright=False), by_opencv(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (odd.encoded(".png")[:-12], "cut off .no end chunk."),
        (odd.encoded(".png")[:-14], "the PNG is cut off"),
        (odd.png(4, 4, np.random.default_rng(0).bytes(50_000)), "bytes of data for 4 x 4 pixels"),
        (odd.png(9000, 9000, bytes(9000)), "31 bytes of data for 9000 x 9000 pixels"),
    ],
    ids=range(4),
)
def test_a_png_that_is_cut_or_too_long_is_a_problem(content, message):
    with pytest.raises(FileProblem, match=message):
        check_png(content)


def test_every_sound_png_is_accepted():
    noise = np.random.default_rng(0).integers(0, 65536, (40, 50, 4), dtype=np.uint16)
    for level in range(10):
        done, content = cv2.imencode(".png", noise, [cv2.IMWRITE_PNG_COMPRESSION, level])
        assert done
        check_png(content.tobytes())
    check_png(odd.png(1, 1, bytes(4)))
