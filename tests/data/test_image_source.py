"""Images inside a larger file are read as files of their own are."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from gluon_ssd.data.exif import orientation_of_file
from gluon_ssd.data.image_source import PackedImage, content_sha1, is_there, name_of, open_image
from gluon_ssd.data.images import image_size, measure_image, read_encoded, read_image
from gluon_ssd.errors import DataError
from tests.data.builders import write_image
from tests.data.photos import photo

GLUE = b"glue"


def packed(path, data, cuts, glue=GLUE):
    """A file that has `data` in parts, cut behind those bytes, less the glue between them."""
    parts, content = [], b"head"
    starts = [0, *(cut + len(glue) for cut in cuts)]
    for start, end in zip(starts, [*cuts, len(data)], strict=True):
        parts.append((len(content), end - start))
        content += data[start:end] + b"----"
    path.write_bytes(content)
    return PackedImage(str(path), "record 3 at byte 4", tuple(parts), glue)


@pytest.mark.parametrize("cuts", [(), (10,), (0,), (4, 8, 40), (96,)])
def test_parts_read_as_one_stream(tmp_path, cuts):
    data = bytearray(os.urandom(100))
    for cut in cuts:
        data[cut : cut + len(GLUE)] = GLUE
    source = packed(tmp_path / "a.bin", bytes(data), cuts)
    with open_image(source) as file:
        assert file.read() == data
        for at, count in ((0, 5), (3, 20), (50, 100), (99, 3), (100, 1), (200, 1)):
            file.seek(at)
            assert file.read(count) == data[at : at + count]
        assert file.seek(-7, os.SEEK_END) == 93
        assert file.read() == data[93:]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp"])
def test_every_reader_takes_an_image_inside_a_file(tmp_path, name):
    path = write_image(tmp_path / name)
    source = packed(tmp_path / "all.bin", path.read_bytes(), ())
    np.testing.assert_array_equal(read_image(source), read_image(path))
    assert image_size(source) == measure_image(source) == image_size(path)
    assert read_encoded(source)[0].tobytes() == path.read_bytes()
    assert content_sha1(source) == content_sha1(path)
    assert is_there(source) and not is_there(source._replace(file=str(tmp_path / "gone")))
    assert pickle.loads(pickle.dumps(source)) == source


def test_orientation_is_read_inside_a_file(tmp_path):
    path = photo(tmp_path / "photo.jpg", 6)
    assert orientation_of_file(packed(tmp_path / "all.bin", path.read_bytes(), ())) == 6


def test_messages_name_file_and_place(tmp_path):
    path = write_image(tmp_path / "a.jpg")
    source = packed(tmp_path / "all.bin", path.read_bytes()[:-400], ())
    assert name_of(source) == f"{tmp_path}/all.bin, record 3 at byte 4"
    with pytest.raises(DataError, match=r"image .*all.bin, record 3 at byte 4: the JPEG is cut"):
        measure_image(source)


def test_a_file_that_has_shrunk_ends_early(tmp_path):
    path = write_image(tmp_path / "a.jpg")
    source = packed(tmp_path / "all.bin", path.read_bytes(), ())
    (tmp_path / "all.bin").write_bytes((tmp_path / "all.bin").read_bytes()[:300])
    with pytest.raises(DataError, match="cut off"):
        read_image(source)
    (tmp_path / "all.bin").unlink()
    with pytest.raises(DataError, match="No such file"):
        read_image(source)
