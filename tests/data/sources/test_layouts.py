"""Which layout a user's own data set has, and how another one is chosen."""

from __future__ import annotations

import logging

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.layouts import LAYOUTS, find_layout, holds_one_set
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.options import own_data
from gluon_ssd.options.shared import DataOptions
from tests.data.builders import coco_content, voc_object, voc_xml, write_coco, write_voc

TOYS = coco_content((1,), [{"image_id": 1, "bbox": [1, 1, 9, 9], "category_id": 3}], {3: "bee"})


@pytest.fixture
def both(tmp_path):
    """A folder in VOC layout that has COCO JSON too."""
    write_voc(tmp_path, {"a": voc_xml([voc_object("ant", (1, 1, 9, 9))])})
    write_coco(tmp_path, "train", TOYS)
    return tmp_path


def test_the_command_line_offers_every_layout():
    assert tuple(LAYOUTS) == own_data.LAYOUTS


def test_of_two_layouts_that_fit_the_first_is_taken_and_told_once(both, caplog):
    with caplog.at_level(logging.WARNING):
        datasets = [open_custom(Selection(both, train=True)) for _ in range(2)]
    assert [dataset.classes for dataset in datasets] == [("ant",)] * 2
    (told,) = [r.getMessage() for r in caplog.records if "fits the layouts" in r.getMessage()]
    assert told.endswith("voc and coco; it is read as voc; --layout coco takes another")


def test_a_layout_that_is_named_is_taken_without_a_word(both, caplog):
    with caplog.at_level(logging.WARNING):
        assert open_custom(Selection(both, train=True, layout="coco")).classes == ("bee",)
    assert "fits" not in caplog.text


def test_an_unknown_layout_lists_those_there_are(both):
    with pytest.raises(OptionError, match="must be one of voc, coco.*; got 'pascal'"):
        find_layout(both, "pascal")


def test_a_file_is_one_set_and_a_folder_is_not(both, tmp_path):
    assert holds_one_set(both / "annotations/instances_train.json")
    assert not holds_one_set(both)
    with pytest.raises(DataError, match="^there is no .*absent: name the folder or file") as caught:
        find_layout(tmp_path / "absent")
    assert caught.value.settings == ("dataset_root",)


def test_json_of_another_tool_beside_the_data_is_not_taken_for_coco(tmp_path):
    (tmp_path / "package.json").write_text('{"name": "labels", "version": 1}')
    with pytest.raises(DataError, match="it has no layout that is read"):
        find_layout(tmp_path)
    (tmp_path / "labels.json").write_text('{"images": [], "annotations": []}')
    assert find_layout(tmp_path).name == "coco"


@pytest.mark.parametrize("given", [{"layout": "coco"}, {"image_root": "/photos"}])
def test_options_of_own_data_have_no_effect_on_a_published_set(given):
    with pytest.raises(OptionError, match="--(layout|image-root) has no effect with --dataset voc"):
        own_data.own_data(DataOptions(dataset="voc", **given))
    assert any(own_data.own_data(DataOptions(dataset="custom", **given)))
    assert not any(own_data.own_data(DataOptions(dataset="voc")))


def test_a_folder_of_images_is_refused_where_the_data_name_none(both):
    with pytest.raises(OptionError, match="is read as voc and says itself where its images are"):
        open_custom(Selection(both, train=True, layout="voc", image_root="photos"))
