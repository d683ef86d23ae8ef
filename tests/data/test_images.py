from __future__ import annotations

import os
from collections import Counter

import cv2
import numpy as np
import pytest

from gluon_ssd.data import decoders
from gluon_ssd.data.image_notes import DAMAGED, DARK, collected_notes
from gluon_ssd.data.images import (
    MAX_PIXELS,
    decode_image,
    image_size,
    measure_image,
    read_encoded,
    read_image,
    size_of_file,
)
from gluon_ssd.errors import DataError
from tests.data import odd_pictures as odd
from tests.data.builders import write_image

READERS = pytest.mark.parametrize("read", [read_image, image_size])


def test_image_is_rgb(tmp_path):
    red = np.zeros((4, 6, 3), np.uint8)
    red[:, :, 2] = 255  # OpenCV writes blue, green, red
    cv2.imwrite(str(tmp_path / "red.png"), red)
    image = read_image(tmp_path / "red.png")
    assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)
    np.testing.assert_array_equal(image[0, 0], [255, 0, 0])


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_size_without_decoding(tmp_path, name):
    path = write_image(tmp_path / name, (37, 51))
    assert image_size(path) == (37, 51)
    assert read_image(path).shape == (37, 51, 3)


def test_progressive_jpeg_is_whole(tmp_path):
    path = tmp_path / "a.jpg"
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert image_size(path) == (40, 30)


@pytest.mark.parametrize("suffix", ["bmp", "webp", "tif"])
def test_other_formats_have_a_header_size_too(tmp_path, suffix):
    path = write_image(tmp_path / f"a.{suffix}")
    assert image_size(path) == measure_image(path) == read_image(path).shape[:2] == (60, 80)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_images_become_rgb(tmp_path, channels):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((5, 7, channels), 90, np.uint8))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.full((5, 7, 3), 90))


def test_exif_rotation_is_not_applied(tmp_path):
    path = write_image(tmp_path / "a.jpg", (20, 40))
    data = path.read_bytes()
    # A big-endian TIFF block with the one tag "orientation" = 6, turned by 90 degrees.
    tiff = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + b"\0\0\0\0"
    block = b"Exif\0\0" + tiff
    path.write_bytes(
        data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]
    )
    assert cv2.imread(str(path)).shape[:2] == (40, 20)
    assert read_image(path).shape[:2] == image_size(path) == (20, 40)


@READERS
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_cut_off_image_is_an_error(tmp_path, read, name, share):
    path = write_image(tmp_path / name, (100, 100))
    data = path.read_bytes()
    path.write_bytes(data[: max(9, int(share * len(data)))])
    with pytest.raises(DataError, match=rf"cannot use the image .*{name}: .* cut off"):
        read(path)


@READERS
def test_end_marker_of_a_preview_does_not_count(tmp_path, read):
    path = write_image(tmp_path / "a.jpg", (100, 100))
    data = path.read_bytes()
    preview = b"\xff\xe1\x00\x08\xff\xd8\xff\xd9\x00\x00"
    path.write_bytes(data[:2] + preview + data[2:-40])
    with pytest.raises(DataError, match="the JPEG is cut off"):
        read(path)


@READERS
def test_bytes_behind_the_end_do_no_harm(tmp_path, read):
    path = write_image(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes() + bytes(200_000))
    assert read(path) is not None


@READERS
def test_empty_and_missing_files_are_named(tmp_path, read):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(DataError, match=r"empty\.jpg: the file is empty"):
        read(tmp_path / "empty.jpg")
    with pytest.raises(DataError, match=r"cannot read the image .*none\.jpg: No such file"):
        read(tmp_path / "none.jpg")


def test_text_is_no_image(tmp_path):
    (tmp_path / "a.jpg").write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"a\.jpg: it cannot be decoded"):
        read_image(tmp_path / "a.jpg")


def test_size_of_an_unusable_file_is_none(tmp_path):
    assert size_of_file(tmp_path / "none.jpg") is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif"])
def test_content_in_memory_is_the_file(tmp_path, suffix):
    path = write_image(tmp_path / f"a.{suffix}")
    image = decode_image(path.read_bytes(), "a picture", max_pixels=60 * 80)
    np.testing.assert_array_equal(image, read_image(path))
    with pytest.raises(DataError, match="the image a picture: it has 80 x 60 .* 4799; buy a new"):
        decode_image(path.read_bytes(), "a picture", max_pixels=4799, advice="buy a new one")


def test_an_image_above_the_limit_is_refused_before_it_is_decoded(monkeypatch, tmp_path):
    path = write_image(tmp_path / "a.png", (20, 30))
    monkeypatch.setattr(cv2, "imdecode", None)
    message = "a.png: it has 30 x 20 pixels, allowed are 599"
    with pytest.raises(DataError, match=message):
        decode_image(path.read_bytes(), path, max_pixels=599)


BOMBS = {
    "a.png": odd.png(32_000, 32_000, bytes(32_001 * 32)),
    "a.jpg": odd.jpeg_of(65_500, 65_500),
    "a.bmp": odd.bmp_of(60_000, -60_000),
    "a.webp": odd.webp_of(16_000_000, 16_000),
    "a.gif": odd.gif_of(65_000, 65_000),
    "a.tif": odd.tiff_of({256: 100_000, 257: 100_000}),
    "b.tif": odd.tiff_of({256: 2**31, 257: 2**31}, big=True),
    "c.tif": odd.tiff_of({256: 10, 257: 10, 322: 60_000, 323: 60_000}),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("read", [read_image, read_encoded, measure_image])
def test_a_bomb_is_refused_before_any_decoder_sees_it(monkeypatch, tmp_path, name, read):
    monkeypatch.setattr(cv2, "imdecode", None)
    monkeypatch.setattr(decoders, "simplejpeg", None)
    (tmp_path / name).write_bytes(BOMBS[name])
    assert len(BOMBS[name]) < 200_000
    with pytest.raises(
        DataError, match=rf"{name}: it has \d+ x \d+ pixels, allowed are {MAX_PIXELS}"
    ):
        read(tmp_path / name)


def test_a_picture_above_the_limit_of_opencv_is_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(odd.png(2**21, 10, bytes(30)))
    with pytest.raises(DataError, match=r"a\.png: .*"):
        read_image(tmp_path / "a.png", max_pixels=2**32)


def test_a_small_png_of_endless_data_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(odd.png(64, 64, bytes(300_000_000)))
    with pytest.raises(DataError, match="bytes of data for 64 x 64 pixels"):
        read_image(tmp_path / "a.png")


def test_a_file_that_is_larger_than_its_picture_can_be_is_refused(tmp_path):
    path = write_image(tmp_path / "a.bmp")
    with open(path, "r+b") as file:
        file.truncate(300 << 20)  # with a hole, so that it takes no room
    with pytest.raises(
        DataError, match="it has 314572800 bytes, allowed are .* for 80 x 60 pixels"
    ):
        read_image(path)


@pytest.mark.parametrize("read", [read_image, image_size, measure_image, read_encoded])
def test_pipes_and_devices_are_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    (tmp_path / "c.jpg").symlink_to("/dev/zero")
    for name, what in (("a.jpg", "a pipe"), ("b.jpg", "a pipe"), ("c.jpg", "a device")):
        with pytest.raises(DataError, match=f"cannot read the image .*{name}: it is {what}, not"):
            read(tmp_path / name)


def test_damage_inside_a_jpeg_is_told_with_its_name(tmp_path, capfd):
    (tmp_path / "a.jpg").write_bytes(odd.damaged_jpeg())
    with collected_notes() as notes:
        image = read_image(tmp_path / "a.jpg")
    assert image.shape == (120, 160, 3)
    (note,) = notes
    assert note.reason == DAMAGED
    assert f"the image {tmp_path}/a.jpg is damaged (Corrupt JPEG data" in note.message
    assert capfd.readouterr().err == ""


def test_what_libjpeg_warns_of_is_told_and_nothing_else(capfd):
    rng = np.random.default_rng(0)
    sound = odd.encoded(".jpg", odd.scene((200, 300)))
    start = sound.index(b"\xff\xda") + 20
    told = Counter()
    for _ in range(300):
        content = bytearray(sound)
        at = int(rng.integers(start, len(sound) - 10))
        content[at : at + 8] = rng.bytes(8)
        with collected_notes() as notes:
            decode_image(bytes(content), "a.jpg")
        assert capfd.readouterr().err == ""
        assert cv2.imdecode(np.frombuffer(bytes(content), np.uint8), 1) is not None
        # What OpenCV prints of it names no file.
        told[bool(notes), "Corrupt JPEG data" in capfd.readouterr().err] += 1
    assert set(told) == {(True, True), (False, False)}
    assert told[True, True] > 100


def test_damage_of_a_turned_photo_is_told_too(tmp_path):
    content = odd.damaged_jpeg()
    tag = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + b"\0\0\0\0"
    block = b"Exif\0\0" + tag
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    with collected_notes() as notes:
        image = decode_image(content[:2] + segment + content[2:], "a.jpg", upright=True)
    assert image.shape == (160, 120, 3)
    assert [note.reason for note in notes] == [DAMAGED]


def test_damage_inside_a_png_is_an_error_with_its_name(tmp_path, capfd):
    (tmp_path / "a.png").write_bytes(odd.damaged_png())
    for read in (read_image, read_encoded):
        with pytest.raises(DataError, match=r"a\.png: the PNG is damaged: a wrong sum"):
            read(tmp_path / "a.png")
    assert capfd.readouterr().err == ""


def test_16_bits_of_which_few_are_used_are_told(tmp_path):
    for bits, expected in ((12, [DARK]), (16, [])):
        (tmp_path / "a.png").write_bytes(odd.dark_png(bits))
        with collected_notes() as notes:
            image = read_image(tmp_path / "a.png")
        assert [note.reason for note in notes] == expected
        assert image.max() == 2**bits - 1 >> 8
    with collected_notes() as notes:
        decode_image(odd.encoded(".png", np.zeros((5, 5, 3), np.uint8)), "a black one of 8 bits")
    assert notes == []


def test_a_gif_is_read(tmp_path):
    (tmp_path / "a.gif").write_bytes(odd.gif((20, 30), frames=2))
    assert measure_image(tmp_path / "a.gif") == (20, 30)
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [20, 0, 0]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif", ".gif"])
def test_mutated_files_are_pictures_or_one_line(suffix):
    rng = np.random.default_rng(2)
    sound = odd.gif() if suffix == ".gif" else odd.encoded(suffix)
    outcomes = Counter()
    for _ in range(300):
        content = bytearray(sound)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(256)
        if rng.random() < 0.2:
            del content[int(rng.integers(1, len(content))) :]
        with collected_notes():
            try:
                image = decode_image(bytes(content), "a", max_pixels=10**6)
                outcomes[image.ndim == 3 and image.dtype == np.uint8] += 1
            except DataError as error:
                assert "\n" not in str(error)
                outcomes["error"] += 1
    assert outcomes[False] == 0 and outcomes["error"] > 10


@pytest.mark.parametrize("orientation", range(10))
def test_a_photo_is_turned_as_opencv_turns_it(orientation):
    tag = b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + b"\0\0" + bytes(4)
    block = b"Exif\0\0MM\0*\0\0\0\x08" + tag
    content = odd.encoded(".jpg", odd.scene((40, 60)))
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    content = content[:2] + segment + content[2:]
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    image = decode_image(content, "a.jpg", upright=True)
    np.testing.assert_array_equal(image, expected[..., ::-1])
    assert image.flags.c_contiguous
