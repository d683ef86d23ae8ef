"""Image files of a data set, brought into another one."""

from __future__ import annotations

import pytest

from gluon_ssd.data.convert.image_files import file_name, image_content, place_image
from gluon_ssd.data.image_source import PackedImage
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import write_image


@pytest.fixture
def packed(tmp_path):
    """An image inside a file, in two parts with glue between."""
    image = write_image(tmp_path / "a.png").read_bytes()
    (tmp_path / "set.rec").write_bytes(b"head" + image[:100] + b"____" + image[104:])
    parts = ((4, 100), (108, len(image) - 104))
    return PackedImage(str(tmp_path / "set.rec"), "record 3", parts, image[100:104]), image


def test_bytes_are_copied(tmp_path, packed):
    source, image = packed
    place_image(source, tmp_path / "x/y/b.png", link=False)
    place_image(str(tmp_path / "a.png"), tmp_path / "x/c.png", link=False)
    assert (tmp_path / "x/y/b.png").read_bytes() == image == image_content(source)
    assert (tmp_path / "x/c.png").read_bytes() == image


def test_there_is_no_link_to_the_inside_of_a_file(tmp_path, packed):
    with pytest.raises(OptionError, match="there is no file to link to for .*set.rec, record 3"):
        place_image(packed[0], tmp_path / "b.png", link=True)


def test_images_inside_a_file_get_names(tmp_path, packed):
    source, _ = packed
    folder = tmp_path / "set"
    assert file_name(source, 7) == str(folder / "000007.png")
    assert file_name(source, "7") == str(folder / "000007.png")
    assert file_name(source, "job/a b") == str(folder / "job/a b.png")
    assert file_name(source, "job/a.jpeg") == str(folder / "job/a.jpeg")
    assert file_name(str(tmp_path / "a.png"), 7) == str(tmp_path / "a.png")


def test_missing_and_special_files_are_named(tmp_path):
    for name, why in (("none.jpg", "No such file"), (".", "Is a directory")):
        with pytest.raises(DataError, match=f"cannot read the image .*: {why}"):
            image_content(str(tmp_path / name))
        with pytest.raises(DataError, match=f"cannot read the image .*: {why}"):
            place_image(str(tmp_path / name), tmp_path / "b.jpg", link=False)
