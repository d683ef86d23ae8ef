from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.images import read_image
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.shapes import make_shapes
from gluon_ssd.data.sources.shapes_drawing import CLASSES, draw_image
from gluon_ssd.errors import DataError, EnvironmentProblem, OptionError
from tests.data.contract import assert_is_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "shapes"
    return make_shapes(root, num_train=12, num_val=5, image_size=128, seed=7)


def test_set_keeps_the_contract(folder):
    for train, num_images in ((True, 12), (False, 5)):
        dataset = open_dataset("shapes", Selection(folder, train=train))
        assert_is_dataset(dataset)
        assert (len(dataset), dataset.name, dataset.metric) == (num_images, "shapes", "voc07")
        assert dataset.classes == CLASSES
        assert check_dataset(dataset, read_images=True).problems == ()
    assert len(CLASSES) == 7


def test_root_may_hold_the_set(folder):
    assert len(open_dataset("shapes", Selection(folder.parent, train=True))) == 12
    assert len(open_dataset("shapes", Selection(folder, train=False, splits="train+val"))) == 17


def test_same_seed_same_files_and_images_depend_on_their_index_only(folder, tmp_path):
    again = make_shapes(tmp_path / "more", num_train=14, num_val=1, image_size=128, seed=7)
    other = make_shapes(tmp_path / "other", num_train=2, num_val=1, image_size=128, seed=8)
    for name in ("JPEGImages/000011.jpg", "Annotations/000011.xml"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    name = "JPEGImages/000001.jpg"
    assert (other / name).read_bytes() != (folder / name).read_bytes()


def test_a_made_set_is_left_alone(folder):
    before = (folder / "shapes.json").stat().st_mtime_ns
    make_shapes(folder, num_train=12, num_val=5, image_size=128, seed=7)
    assert (folder / "shapes.json").stat().st_mtime_ns == before


def test_other_settings_or_contents_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match="was drawn with other settings .*'seed': 7"):
        make_shapes(folder, num_train=12, num_val=5, image_size=128, seed=8)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DataError, match="holds something else; choose another folder"):
        make_shapes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_impossible_sizes_are_refused(tmp_path):
    with pytest.raises(OptionError, match="64 pixels a side; got 5 and 0 images of 300 pixels"):
        make_shapes(tmp_path / "a", num_train=5, num_val=0)
    with pytest.raises(OptionError, match="got 5 and 5 images of 63 pixels"):
        make_shapes(tmp_path / "a", num_train=5, num_val=5, image_size=63)


def test_nothing_half_made_stays_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gluon_ssd.data.sources.shapes.write_lines", full)
    with pytest.raises(EnvironmentProblem, match="cannot write .*shapes: the disk is full"):
        make_shapes(tmp_path / "shapes", num_train=1, num_val=1, image_size=64)
    assert list(tmp_path.iterdir()) == []


def test_missing_set_says_how_to_make_it(tmp_path):
    with pytest.raises(
        DataError, match="no shapes data set in .*prepare_shapes.py --output .*shapes"
    ):
        open_dataset("shapes", Selection(tmp_path, train=True))


def test_written_boxes_are_the_drawn_ones(folder):
    dataset = open_dataset("shapes", Selection(folder, train=True))
    for index in range(len(dataset)):
        image, objects = draw_image(128, np.random.default_rng((7, index)))
        annotation = dataset.annotation(index)
        assert annotation.boxes_px.tolist() == [list(item.box_px) for item in objects]
        assert [CLASSES[label] for label in annotation.labels] == [o.name for o in objects]
        assert annotation.difficult.tolist() == [item.is_difficult for item in objects]
        # JPEG changes pixels a little, not the picture.
        difference = cv2.absdiff(read_image(dataset.image_path(index)), image)
        assert difference.mean() < 8
