"""Images that stand in for bad ones, by the rule itself and in the native loader."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.image_notes import DAMAGED, DARK, Note
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples
from gluon_ssd.data.loading.stand_in import (
    BadImage,
    BadImages,
    OddImage,
    SkipCount,
    Used,
    rule_of,
    use_first_good,
    use_or_leave_out,
)
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError, OptionError
from tests.data import odd_pictures as odd


def reader(*bad):
    """Doubles an index; the bad ones are data errors, and 9 is an error of another kind."""

    def use(index):
        if index == 9:
            raise OptionError("not about an image")
        if index in bad:
            raise DataError(f"image {index} is bad")
        return 2 * index

    return use


def test_a_good_image_is_used_itself():
    assert use_first_good(reader(), 3, num_images=5) == (6, Used(3, ()))


def test_the_next_good_image_stands_in_also_around_the_end():
    value, used = use_first_good(reader(3, 4, 0), 3, num_images=5)
    assert value == 2
    assert used == Used(1, tuple(BadImage(i, f"image {i} is bad") for i in (3, 4, 0)))


def test_nothing_but_bad_images_is_an_error():
    with pytest.raises(DataError, match=r"^3 images in a row cannot be used; image 1 is bad$"):
        use_first_good(reader(0, 1, 2), 1, num_images=3)


def test_other_errors_are_not_about_the_image():
    with pytest.raises(OptionError):
        use_first_good(reader(), 9, num_images=20)


def test_each_bad_image_is_named_once_and_counted_every_time(caplog):
    count = SkipCount()
    count.add([BadImage(1, "one.jpg is cut off"), BadImage(2, "two.jpg is empty")])
    count.add([BadImage(1, "one.jpg is cut off")])
    assert [record.getMessage() for record in caplog.records] == [
        "skipped: one.jpg is cut off",
        "skipped: two.jpg is empty",
    ]
    assert (count.num_images, count.times) == (2, 3)
    assert count.summary() == "2 unusable images were skipped, 3 times in all"


@pytest.fixture
def damaged(tiny_voc):
    """Four images, of which number 1 is damaged after the data set was opened."""
    dataset = open_dataset("voc", Selection(tiny_voc, train=False, splits="2007_test"))
    with open(dataset.image_path(1), "r+b") as file:
        file.truncate(200)
    return dataset


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_native_loader_skips_and_tells_which_image_it_used(damaged, num_workers, caplog):
    caplog.set_level(logging.WARNING)
    settings = {"batch_size": 2, "shuffle": False, "seed": 0, "last_batch": "keep"}
    samples = EvalSamples(InputFormat((20, 30)))
    with Loader(
        damaged, samples, num_workers=num_workers, bad=BadImages(stand_in=True), **settings
    ) as loader:
        batches = [
            (batch.indices.copy(), batch.arrays["image"].copy())
            for epoch in (0, 1)
            for batch in loader.epoch(epoch)
        ]
        assert [indices.tolist() for indices, _ in batches] == [[0, 2], [2, 3]] * 2
        assert (loader.skips.num_images, loader.skips.times) == (1, 2)
    np.testing.assert_array_equal(batches[0][1][1], batches[1][1][0])
    assert [record.getMessage() for record in caplog.records] == [
        f"skipped: cannot use the image {damaged.image_path(1)}: the file is cut off inside its "
        "header; replace the file or take it out of the data set"
    ]


def test_an_image_that_cannot_be_used_is_left_out():
    assert use_or_leave_out(reader(3), 2) == (4, Used(2, ()))
    assert use_or_leave_out(reader(3), 3) == (None, Used(-4, (BadImage(3, "image 3 is bad"),)))
    with pytest.raises(OptionError):
        use_or_leave_out(reader(), 9)


@pytest.mark.parametrize(
    ("said", "leave_out", "rule"),
    [
        (None, False, BadImages()),
        (None, True, BadImages()),
        ("error", True, BadImages(refuse_damaged=True)),
        ("skip", False, BadImages(stand_in=True, refuse_damaged=True)),
        ("skip", True, BadImages(leave_out=True, refuse_damaged=True)),
    ],
)
def test_what_a_user_says_is_a_rule(said, leave_out, rule):
    assert rule_of(said, leave_out=leave_out) == rule


def test_odd_images_are_named_once_and_counted_by_reason(caplog):
    count = SkipCount()
    count.tell("training set")
    assert caplog.messages == []
    for _ in range(2):
        count.add_used(Used(4, (), (OddImage(4, Note(DAMAGED, "four.jpg is damaged")),)))
    count.add_odd([OddImage(5, Note(DAMAGED, "five")), OddImage(5, Note(DARK, "five is dark"))])
    assert caplog.messages == ["four.jpg is damaged", "five", "five is dark"]
    caplog.clear()
    count.add([BadImage(1, "one.jpg is cut off")])
    count.tell("training set")
    assert caplog.messages[1:] == [
        "training set: 1 unusable images were skipped, 1 times in all",
        "training set: damaged image: 2, used all the same",
        "training set: dark 16-bit image: 1, used all the same",
    ]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_native_loader_leaves_out_in_an_evaluation(damaged, num_workers, caplog):
    with open(damaged.image_path(2), "wb") as file:
        file.write(odd.damaged_jpeg())
    settings = {"batch_size": 2, "shuffle": False, "seed": 0, "last_batch": "keep"}
    samples = EvalSamples(InputFormat((20, 30)))
    rule = BadImages(leave_out=True)
    with Loader(damaged, samples, num_workers=num_workers, bad=rule, **settings) as loader:
        batches = [(b.indices.tolist(), b.arrays["image"].copy()) for b in loader.epoch(0)]
        assert [indices for indices, _ in batches] == [[0, ~1], [2, 3]]
        assert not batches[0][1][1].any() and batches[1][1][0].any()
        loader.skips.tell("validation set")
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "skipped",
        f"the image {damaged.image_path(2)} is damaged (Corrupt JPEG data",
        "validation set",
        "validation set",
    ]
