from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.data.images import decode_image, image_size, read_image, size_of_file
from gluon_ssd.errors import DataError
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


def test_other_formats_have_no_header_size(tmp_path):
    path = write_image(tmp_path / "a.bmp")
    assert image_size(path) is None
    assert read_image(path).shape == (60, 80, 3)


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


def test_a_file_larger_than_pillow_takes_is_refused_too(tmp_path):
    header = b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    header += (60_000).to_bytes(4, "little") * 2 + b"\x01\0\x18\0" + bytes(24)
    with pytest.raises(DataError, match="the image a.bmp: it is too large"):
        decode_image(header, "a.bmp", max_pixels=1000)


def test_an_image_above_the_limit_is_refused_before_it_is_decoded(monkeypatch, tmp_path):
    path = write_image(tmp_path / "a.png", (20, 30))
    monkeypatch.setattr(cv2, "imdecode", None)
    message = "a.png: it has 30 x 20 pixels, allowed are 599"
    with pytest.raises(DataError, match=message):
        decode_image(path.read_bytes(), path, max_pixels=599)
