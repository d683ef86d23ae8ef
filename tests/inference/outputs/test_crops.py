"""Objects as pictures of their own."""

from __future__ import annotations

import pytest

from gluon_ssd.data.images import read_image
from gluon_ssd.inference.outputs.crops import Crops, folder_name
from tests.inference.outputs.builders import seen


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cat", "cat"),
        ("Kitchen & dining room table", "Kitchen _ dining room table"),
        ("猫 (a)", "猫 (a)"),
        ("../../etc", "_.._etc"),
        ("..", "_"),
        ("", "_"),
        ("a/b\0c", "a_b_c"),
    ],
)
def test_class_names_are_no_paths(name, folder):
    assert folder_name(name) == folder


def test_each_object_is_a_file_in_the_folder_of_its_class(tmp_path):
    with Crops(tmp_path) as crops:
        crops.add(seen([0, 1], [[3, 4, 20, 30], [0, 0, 7.5, 9]], label="sub/a"))
    assert read_image(tmp_path / "cat/sub/a_1.jpg").shape == (26, 17, 3)
    assert read_image(tmp_path / "dog/sub/a_2.jpg").shape == (9, 8, 3)
