"""From one form of data sets to another and back."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_ssd.data.convert.convert import Wish, convert
from gluon_ssd.data.convert.part import Part, all_classes
from gluon_ssd.data.convert.targets import TARGETS
from gluon_ssd.data.dataset import Annotation
from gluon_ssd.data.orientations import settle_orientations
from gluon_ssd.errors import DataError, EnvironmentProblem
from tests.data.builders import coco_content, write_coco
from tests.data.convert.builders import CLASSES, annotation, assert_same, opened, part
from tests.data.photos import UPRIGHT_HW, photo

FORMS = list(TARGETS)
BOXES = [(0, 0, 10, 20), (33.25, 7.5, 79, 59), (1, 2, 3, 4), (0.1, 0.2, 60.3, 50.7)]
# Each form loses flags that it has no place for.
LOSES = {
    "voc": ["crowd"],
    "coco": ["difficult"],
    "yolo": ["difficult", "crowd"],
    "recordio": ["crowd"],
}
# Shares of 32 bits have no number for every corner; half a digit of the last one, of 80 pixels.
MOVES = {"recordio": 80 * 2.0**-24}


def source(folder):
    return part(
        folder / "in",
        {
            "a.jpg": annotation(BOXES, [0, 1, 2, 1], difficult=[1, 2], crowd=[0]),
            "x/a.jpg": annotation(BOXES[:1], [2]),
            "b.png": annotation(),
        },
    )


def lines_of(parts, folder, form, **wish):
    return list(convert(parts, folder, Wish(form, **wish)))


def as_part(dataset, name="train"):
    return Part(name, dataset, dataset.classes)


@pytest.mark.parametrize("form", FORMS)
def test_there_and_back_is_the_identity(tmp_path, form):
    own = source(tmp_path)
    lines = lines_of([own], tmp_path / form, form)
    assert lines[0] == (
        f"train: 3 images, 5 boxes of 3 classes as {TARGETS[form].name} in {tmp_path / form}"
    )
    assert lines[-1].startswith("read back: ") and "other objects" not in lines[-1]
    written = opened(tmp_path / form)
    assert written.classes == CLASSES
    assert_same(written, own.dataset, without=LOSES[form], within_px=MOVES.get(form, 0))
    for back in FORMS:
        folder = tmp_path / f"{form}_{back}"
        lines = lines_of([as_part(written)], folder, back)
        # What was read from a form is held by it to the last bit.
        is_exact = back == form or back not in MOVES
        assert not is_exact or lines[-1] == "read back: all 5 boxes are the same to the last bit"
        lost = [*LOSES[form], *LOSES[back]]
        within_px = 0 if is_exact else MOVES[back]
        assert_same(opened(folder), written, without=lost, within_px=within_px)
        # And home again: of each pair of forms, what both of them hold.
        home = tmp_path / f"{form}_{back}_{form}"
        lines_of([as_part(opened(folder))], home, form)
        within_px = max(within_px, MOVES.get(form, 0) if back != form else 0)
        assert_same(opened(home), written, without=lost, within_px=within_px)


CORNER = st.floats(0, 80, width=32).map(lambda value: value if value > 1e-3 else 0.0)


@st.composite
def annotations(draw) -> Annotation:
    """Up to six boxes of any float32 corners in an image, at least a pixel wide and high."""
    boxes = []
    for _ in range(draw(st.integers(0, 6))):
        x_min, y_min = (min(draw(CORNER), limit - 3) for limit in (80, 60))
        x_max = max(min(draw(CORNER), 79), x_min + 1)
        y_max = max(min(draw(CORNER), 59), y_min + 1)
        boxes.append((x_min, y_min, x_max, y_max))
    # A reader may count two objects that are the same as one.
    boxes = list(dict.fromkeys(boxes))
    count = len(boxes)
    labels = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    flags = st.lists(st.integers(0, max(count - 1, 0)), max_size=count, unique=True)
    return annotation(boxes, labels, draw(flags), draw(flags))


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=12, deadline=None)
@given(found=annotations())
def test_any_boxes_come_back_bit_for_bit(tmp_path_factory, form, found):
    folder = tmp_path_factory.mktemp("any")
    own = part(folder / "in", {"a.jpg": found, "b.jpg": annotation(BOXES)})
    lines_of([own], folder / "out", form)
    assert_same(
        opened(folder / "out"), own.dataset, without=LOSES[form], within_px=MOVES.get(form, 0)
    )


def test_numbers_of_a_coco_file_stay_as_they_are(tmp_path):
    records = [
        {"image_id": 7, "category_id": 9, "bbox": [1.37, 2.11, 30.003, 20.25], "area": 99.5},
        {"image_id": 3, "category_id": 4, "bbox": [0, 0, 80, 60], "iscrowd": 1},
    ]
    content = coco_content((3, 7, 8), records, {4: "cat", 9: "dog"})
    write_coco(tmp_path / "in", "val", content)
    own = as_part(opened(tmp_path / "in", "val"), "val")
    lines_of([own], tmp_path / "out", "coco")
    written = json.loads((tmp_path / "out/annotations/instances_val.json").read_text())
    assert written["images"] == content["images"]
    assert written["categories"] == content["categories"]
    kept = ("image_id", "category_id", "bbox", "area", "iscrowd")
    rows = [{key: row[key] for key in kept} for row in written["annotations"]]
    by_image = sorted(content["annotations"], key=lambda row: row["image_id"])
    assert rows == [{key: row[key] for key in kept} for row in by_image]
    assert_same(opened(tmp_path / "out", "val"), own.dataset)


def test_edges_of_coco_boxes_by_option(tmp_path):
    own = part(tmp_path / "in", {"a.jpg": annotation([(10, 10, 20, 30), (70, 50, 80, 60)])})
    for edge_px, widths in ((1, [11, 10]), (0, [10, 10])):
        lines = lines_of([own], tmp_path / f"{edge_px}", "coco", edge_px=edge_px)
        written = json.loads((tmp_path / f"{edge_px}/annotations/instances_train.json").read_text())
        assert [row["bbox"][2] for row in written["annotations"]] == widths
        said = [line for line in lines if "widths are x_max - x_min" in line]
        assert len(said) == (edge_px == 0)
        cut = "1 box at the right or lower edge end a pixel before it: GluonCV reads COCO so; "
        assert (f"{cut}--edge-px 0 keeps them" in lines) == (edge_px == 1)
    # With the added pixel a box cannot reach the edge itself, which is told.
    assert lines_of([own], tmp_path / "told", "coco")[-1] == (
        "read back: 1 of 2 boxes are not the same to the last bit, by 1 pixels at most"
    )
    assert_same(opened(tmp_path / "0", edge_px=0), own.dataset)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("voc", ["1 crowd flag lost, the boxes are kept: VOC layout has none"]),
        ("coco", ["2 difficult flags lost: COCO JSON has none"]),
        (
            "yolo",
            [
                "2 difficult flags lost: YOLO txt has none",
                "1 crowd flag lost, the boxes are kept: YOLO txt has none",
            ],
        ),
        (
            "recordio",
            [
                "1 crowd flag lost, the boxes are kept: RecordIO has none",
                "1 image without objects: the readers of GluonCV and MXNet refuse such records, "
                "this project reads them",
            ],
        ),
    ],
)
def test_what_a_form_cannot_hold_is_counted(tmp_path, form, expected):
    lines = lines_of([source(tmp_path)], tmp_path / "out", form)
    assert lines[1:-1] == expected


def test_areas_and_segmentations_are_told(tmp_path):
    records = [{"image_id": 3, "category_id": 1, "bbox": [1, 2, 30, 20], "area": 99.5}]
    write_coco(tmp_path / "in", "val", coco_content((3,), records, {1: "cat"}))
    lines = lines_of([as_part(opened(tmp_path / "in", "val"))], tmp_path / "out", "voc")
    assert lines[1:-1] == [
        "1 area lost that are not width times height: VOC layout has none",
        "segmentations, keypoints and captions of COCO are not read, and not written",
    ]


def test_splits_share_images_in_voc_and_not_elsewhere(tmp_path):
    boxes = annotation(BOXES[:1])
    parts = [
        part(tmp_path / "in", {"a.jpg": boxes, "b.jpg": boxes}, name="trainval"),
        part(tmp_path / "in", {"b.jpg": boxes}, name="val"),
        part(tmp_path / "in", {"b.jpg": annotation(BOXES[:2])}, name="test"),
    ]
    lines = lines_of(parts, tmp_path / "voc", "voc")
    assert "1 images have other names than in the source, to stay apart" in lines
    assert sorted(os.listdir(tmp_path / "voc/JPEGImages")) == ["a.jpg", "b.jpg", "b_2.jpg"]
    lines_of(parts, tmp_path / "coco", "coco")
    lines_of(parts, tmp_path / "rec", "recordio")
    for folder in (tmp_path / "voc", tmp_path / "coco", tmp_path / "rec"):
        for own in parts:
            within_px = MOVES["recordio"] if folder.name == "rec" else 0
            assert_same(opened(folder, own.name), own.dataset, within_px=within_px)


def test_classes_of_all_splits_are_joined(tmp_path):
    sets = [
        part(tmp_path / "in", {"a.jpg": annotation(BOXES[:2], [0, 1])}, classes=["dog", "cat"]),
        part(tmp_path / "in", {"b.jpg": annotation(BOXES[:2], [0, 1])}, classes=["Cat", "dog"]),
    ]
    classes = all_classes([each.dataset for each in sets])
    assert classes == ("dog", "cat", "Cat")
    names = ("train", "val")
    parts = [Part(name, each.dataset, classes) for name, each in zip(names, sets, strict=True)]
    for form in FORMS:
        lines_of(parts, tmp_path / form, form)
        assert opened(tmp_path / form, "val").annotation(0).labels.tolist() == [2, 0]


@pytest.mark.parametrize("form", FORMS)
def test_names_of_classes_stay_on_one_line(tmp_path, form):
    found = annotation(BOXES[:2], [0, 1])
    own = part(tmp_path / "in", {"a.jpg": found}, classes=["a\x85b\u2028c", "d"])
    named = Part("train", own.dataset, all_classes([own.dataset]))
    assert named.classes == (r"a\x85b\u2028c", "d")
    assert lines_of([named], tmp_path / form, form)[-1].startswith("read back: all 2 boxes")
    assert opened(tmp_path / form).classes == named.classes


def test_links_lead_to_the_images(tmp_path):
    own = source(tmp_path)
    lines_of([own], tmp_path / "out", "voc", link=True)
    link = tmp_path / "out/JPEGImages/x/a.jpg"
    assert link.is_symlink() and link.readlink() == tmp_path / "in/x/a.jpg"
    assert_same(opened(tmp_path / "out"), own.dataset, without=["crowd"])


@pytest.mark.parametrize(("tag", "size_hw"), [(6, (60, 80)), (6, (80, 60))])
def test_photos_keep_their_tags_and_sizes(tmp_path, tag, size_hw):
    (tmp_path / "in").mkdir()
    photo(tmp_path / "in/a.jpg", tag)
    given = part(tmp_path / "in", {"a.jpg": annotation(BOXES[2:3], size_hw=size_hw)})
    own = as_part(settle_orientations(given.dataset, "ignore"))
    is_upright = size_hw == UPRIGHT_HW
    assert own.dataset.orientation(0) == (tag if is_upright else 1)
    for form in FORMS:
        lines = lines_of([own], tmp_path / form, form)
        told = "1 photo with boxes on the upright picture, which YOLO txt cannot say: open the "
        assert (f"{told}target with --exif apply" in lines) == (form == "yolo" and is_upright)
        exif = "apply" if form == "yolo" and is_upright else "ignore"
        written = opened(tmp_path / form, exif=exif)
        assert form == "yolo" or written.annotation(0).size_hw == size_hw
        assert_same(written, own.dataset, within_px=MOVES.get(form, 0))
        assert settle_orientations(written, exif).orientation(0) == own.dataset.orientation(0)


def test_photos_that_only_an_option_turns_are_counted(tmp_path):
    (tmp_path / "in").mkdir()
    photo(tmp_path / "in/a.jpg", 3)
    own = part(tmp_path / "in", {"a.jpg": annotation(BOXES[2:3])})
    turned = Part("train", own.dataset.with_orientations({0: 3}, {}), own.classes)
    lines = lines_of([turned], tmp_path / "out", "voc")
    assert lines[1] == (
        "1 photo with boxes on the upright picture, which VOC layout cannot say: open the target "
        "with --exif apply"
    )


def test_a_target_that_is_not_empty_is_refused(tmp_path):
    own = source(tmp_path)
    (tmp_path / "out").mkdir()
    lines_of([own], tmp_path / "out", "voc")  # an empty folder is none
    with pytest.raises(DataError, match="out is not empty; name another one"):
        lines_of([own], tmp_path / "out", "voc")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file is no folder"):
        lines_of([own], tmp_path / "file", "voc")


@pytest.mark.parametrize("form", TARGETS)
def test_nothing_half_written_stays(tmp_path, form):
    own = source(tmp_path)
    (tmp_path / "in/b.png").unlink()
    with pytest.raises(DataError, match="cannot read the image .*b.png: No such file"):
        lines_of([own], tmp_path / "out", form)
    assert sorted(os.listdir(tmp_path)) == ["in"]


def test_a_full_disk_is_told_with_the_target(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gluon_ssd.data.convert.voc.write_lines", full)
    with pytest.raises(EnvironmentProblem, match="cannot write .*out: the disk is full"):
        lines_of([source(tmp_path)], tmp_path / "out", "voc")
    assert sorted(os.listdir(tmp_path)) == ["in"]


def test_steps_are_counted(tmp_path):
    steps = []
    own = source(tmp_path)
    list(convert([own], tmp_path / "out", Wish("coco"), step=lambda: steps.append(1)))
    assert len(steps) == 3


def test_arrays_of_the_source_are_not_changed(tmp_path):
    own = source(tmp_path)
    before = [own.dataset.annotation(i).boxes_px for i in range(3)]
    lines_of([own], tmp_path / "out", "coco")
    for index, boxes in enumerate(before):
        np.testing.assert_array_equal(own.dataset.annotation(index).boxes_px, boxes)
