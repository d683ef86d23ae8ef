"""Which photos are turned, by what, and that everyone who reads them agrees."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from gluon_ssd.data.augment.settings import Augmentation
from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.exif import orientation_of_file, turned, turned_size
from gluon_ssd.data.loading.samples import EvalSamples, TrainSamples
from gluon_ssd.data.orientations import read_turned, settle_orientations, size_without_doubt
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import OptionError
from tests.data.builders import coco_content, voc_object, voc_xml, write_coco, write_voc
from tests.data.photos import BOX, UPRIGHT_HW, photo, upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_that_of_pillow_and_opencv(tmp_path: Path, orientation: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 16, 3), dtype=np.uint8)
    path = photo(tmp_path / "a.jpg", orientation, np.repeat(np.repeat(image, 8, 0), 8, 1))
    assert orientation_of_file(path) == orientation
    ours = read_turned(path, orientation)
    with Image.open(path) as opened:
        theirs = np.asarray(ImageOps.exif_transpose(opened))
        assert turned_size(opened.size[::-1], orientation) == ours.shape[:2] == (64, 128)
    assert np.abs(ours.astype(int) - theirs).mean() < 1
    np.testing.assert_array_equal(ours, cv2.imread(str(path))[..., ::-1])
    assert ours.flags.c_contiguous


def test_a_size_is_in_doubt_where_turning_exchanges_the_sides(tmp_path: Path) -> None:
    sizes = [size_without_doubt(photo(tmp_path / "a.jpg", tag)) for tag in (1, 3, 6, 8)]
    assert sizes == [UPRIGHT_HW, UPRIGHT_HW, None, None]
    assert size_without_doubt(tmp_path / "none.jpg") is None


def labelled(root: Path, orientation: int, box, size_hw, kind: str = "voc") -> Path:
    """A data set of one photo; the box counts from 0, and size_hw is what the annotation says."""
    if kind == "voc":
        text = voc_xml([voc_object("dog", [value + 1 for value in box])], size_hw)
        write_voc(root, {"a": text}, {"train": ["a"], "val": ["a"]})
        photo(root / "JPEGImages/a.jpg", orientation)
        return root
    sides = [box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1]
    content = coco_content((1,), [{"image_id": 1, "bbox": sides, "category_id": 1}], {1: "dog"})
    if size_hw is None:
        del content["images"][0]["height"], content["images"][0]["width"]
    else:
        content["images"][0] |= {"height": size_hw[0], "width": size_hw[1]}
    write_coco(root, "train", content)
    photo(root / f"train/{content['images'][0]['file_name']}", orientation)
    return root


def opened(root: Path, exif: str):
    return settle_orientations(open_dataset("custom", Selection(root, train=True)), exif)


def stored_box(orientation: int) -> tuple[int, int, int, int]:
    """The square as the stored photo has it."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    rows, columns = np.nonzero(turned(upright(), back)[..., 0])
    ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return int(ends[0]), int(ends[1]), int(ends[2]), int(ends[3])


CASES = [
    # orientation, boxes drawn upright, declared size, exif, turned, warned of
    *[(tag, True, UPRIGHT_HW, exif, True, False) for tag in (6, 8) for exif in ("apply", "ignore")],
    *[(tag, False, (80, 60), exif, False, False) for tag in (6, 8) for exif in ("apply", "ignore")],
    *[(tag, True, None, "apply", True, True) for tag in (6, 8)],
    *[(tag, False, None, "ignore", False, True) for tag in (6, 8)],
    (3, True, UPRIGHT_HW, "apply", True, True),
    (3, False, UPRIGHT_HW, "ignore", False, True),
    (1, True, UPRIGHT_HW, "apply", False, False),
]


@pytest.mark.parametrize("kind", ["voc", "coco"])
@pytest.mark.parametrize(("tag", "is_upright", "size_hw", "exif", "turns", "warned"), CASES)
def test_boxes_lie_on_their_objects_for_all_who_read_images(
    tmp_path, caplog, kind, tag, is_upright, size_hw, exif, turns, warned
):
    box = BOX if is_upright else stored_box(tag)
    with caplog.at_level(logging.WARNING):
        dataset = opened(labelled(tmp_path, tag, box, size_hw, kind), exif)
    assert dataset.orientation(0) == (tag if turns else 1)
    word = "turned upright" if exif == "apply" else "taken as stored"
    said = [m for m in caplog.messages if "1 photos have an EXIF orientation" in m and word in m]
    assert len(said) == warned
    assert all(dataset.image_path(0) in message for message in said)
    for reads in (True, False):
        report = check_dataset(dataset, read_images=reads)
        found = {f"EXIF orientation {'applied' if turns else 'ignored'}"} if tag > 1 else set()
        assert (set(report.counts), report.unusable) == (found, ())
    size = (40, 40)
    plain = InputFormat(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    sample = EvalSamples(plain)(dataset, 0, np.random.default_rng(0))
    seen_hw = tuple(sample["size_hw"])
    assert seen_hw == (UPRIGHT_HW if is_upright else turned_size(UPRIGHT_HW, tag))
    assert brightness(sample["image"], dataset.annotation(0).boxes_px[0], seen_hw) > 0.95

    def boxes_as_targets(boxes, labels):
        return labels, np.asarray(boxes, np.float32).reshape(-1, 4)

    nothing = Augmentation(
        expand_probability=0, crop_floors=(), flip_probability=0, color_probability=0
    )
    trained = TrainSamples(plain, nothing, boxes_as_targets)
    sample = trained(dataset, 0, np.random.default_rng(0))
    assert brightness(sample["image"], sample["box_targets"][0], size) > 0.95


def brightness(image: np.ndarray, box: np.ndarray, size_hw: tuple[int, int]) -> float:
    """Mean of what a box in pixels of size_hw holds of an image (3, 40, 40) in [0, 1]."""
    height, width = size_hw
    x_min, y_min, x_max, y_max = box * 40 / np.array([width, height, width, height])
    inner = image[:, int(y_min) + 2 : int(y_max) - 1, int(x_min) + 2 : int(x_max) - 1]
    assert inner.size > 100
    return float(inner.mean())


def test_a_size_that_fits_neither_way_names_the_tag(tmp_path: Path) -> None:
    dataset = opened(labelled(tmp_path, 6, BOX, (50, 80)), "ignore")
    (problem,) = [p for p in check_dataset(dataset).problems if p.reason == "image size mismatch"]
    assert problem.detail.endswith("the image has 60x80 pixels and the EXIF orientation 6")


def test_a_subset_keeps_what_was_judged(tmp_path: Path) -> None:
    text = voc_xml([voc_object("dog", (11, 6, 50, 45))], UPRIGHT_HW)
    write_voc(tmp_path, {"a": text, "b": text, "c": text})
    photo(tmp_path / "JPEGImages/b.jpg", 6)
    dataset = opened(tmp_path, "ignore")
    assert [dataset.orientation(i) for i in range(3)] == [1, 6, 1]
    part = dataset.subset([1, 0])
    assert [part.orientation(i) for i in (0, 1, -1)] == [6, 1, 1]
    assert [problem.reason for problem in part.problems] == ["EXIF orientation applied"]


def test_another_word_is_no_rule(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": voc_xml([voc_object("dog", (11, 6, 50, 45))])})
    with pytest.raises(OptionError, match="exif must be apply or ignore; got 'turn'"):
        opened(tmp_path, "turn")
