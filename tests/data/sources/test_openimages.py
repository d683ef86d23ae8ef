from __future__ import annotations

import pytest

from gluon_ssd.data.class_names import OPENIMAGES_CLASSES
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import HEIGHT, WIDTH, write_openimages
from tests.data.contract import assert_is_dataset

CATEGORIES = dict(enumerate(OPENIMAGES_CLASSES))
DOG, WOMAN = OPENIMAGES_CLASSES.index("Dog"), OPENIMAGES_CLASSES.index("Woman")


def record(image_id, box, category_id=DOG, **extra):
    return {"image_id": image_id, "bbox": list(box), "category_id": category_id, **extra}


def opened(root, train=False, **options):
    return open_dataset("openimages", Selection(root, train=train, **options))


@pytest.mark.parametrize("below", ["openimages", "."])
def test_usual_splits(tmp_path, below):
    boxes = [record(1, (10, 20, 30, 15)), record(2, (0, 0, WIDTH, HEIGHT), WOMAN)]
    for split in ("train", "validation"):
        write_openimages(tmp_path / below, split, boxes)
    for train, split in ((True, "train"), (False, "validation")):
        dataset = opened(tmp_path, train)
        assert_is_dataset(dataset)
        assert (dataset.name, dataset.metric, len(dataset.classes)) == ("openimages", "coco", 264)
        path = tmp_path / below / split / f"data/{1:016x}.jpg"
        assert dataset.image_path(0) == str(path)
        # Corners are x + w; the whole image is [0, W], with nothing to clip.
        assert dataset.annotation(0).boxes_px.tolist() == [[10, 20, 40, 35]]
        assert dataset.annotation(1).boxes_px.tolist() == [[0, 0, WIDTH, HEIGHT]]
        assert dataset.annotation(1).labels.tolist() == [WOMAN]
        assert dataset.problems == ()
        assert dataset.coco_file.category_ids == tuple(range(264))


def test_boxes_are_clipped_and_empty_ones_dropped(tmp_path):
    boxes = [
        record(1, (-5, 50, 30, 30)),
        record(1, (WIDTH, 3, 9, 9)),
        record(1, (3, 3, 0, 9)),
        record(1, (7.5, 3, WIDTH - 7.5 + 1e-9, 9)),
    ]
    write_openimages(tmp_path, "validation", boxes)
    dataset = opened(tmp_path)
    assert dataset.annotation(0).boxes_px.tolist() == [[0, 50, 25, HEIGHT], [7.5, 3, WIDTH, 12]]
    assert [problem.reason for problem in dataset.problems] == [
        "box partly outside the image",
        "box beyond the image",
        "degenerate box",
    ]


def test_groups_are_trained_on_and_crowds_to_the_metric(tmp_path):
    group = record(1, (10, 10, 40, 40), iscrowd=1)
    for split in ("train", "validation"):
        write_openimages(tmp_path, split, [group, record(2, (5, 5, 20, 20))])
    training = opened(tmp_path, train=True)
    assert len(training) == 2 and training.annotation(0).crowd.tolist() == [True]
    assert len(opened(tmp_path, train=True, use_crowd=False)) == 1
    validation = opened(tmp_path, use_crowd=False)
    assert validation.annotation(0).crowd.tolist() == [True]


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        (dict(enumerate(OPENIMAGES_CLASSES, 1)), "openimages-mlperf.json start at 1; in Open"),
        ({n * 2: name for n, name in CATEGORIES.items()}, "have gaps; in Open Images they are 0"),
        (
            {0: "Apple", 1: "Airplane", 2: "Antelope"},
            r"not in the order of the names \('Airplane' comes too late\)",
        ),
    ],
    ids=["from_one", "gaps", "order"],
)
def test_ids_that_are_no_positions_are_refused(tmp_path, categories, message):
    boxes = [record(1, (1, 1, 9, 9), 2)]
    write_openimages(tmp_path, "validation", boxes, categories=categories)
    with pytest.raises(DataError, match=message):
        opened(tmp_path)


def test_other_classes_can_be_chosen(tmp_path):
    boxes = [record(1, (1, 1, 9, 9)), record(2, (1, 1, 9, 9), WOMAN)]
    write_openimages(tmp_path, "train", boxes)
    dataset = opened(tmp_path, train=True, classes=("Woman",))
    assert (len(dataset), dataset.annotation(0).labels.tolist()) == (1, [0])
    assert dataset.coco_file.category_ids == (WOMAN,)


def test_what_is_not_there_is_one_line(tmp_path):
    expected = (
        r"no split 'validation' of Open Images under .*; looked for .*/validation/labels/"
        r"openimages-mlperf\.json, .*/openimages/validation/labels/.*; make it with python"
    )
    with pytest.raises(DataError, match=expected):
        opened(tmp_path)
    with pytest.raises(OptionError, match="must be one split"):
        opened(tmp_path, splits="train+validation")
