"""All of a DALI batch but its pixels, with chosen draws in the place of DALI's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.dali import prepare
from gluon_ssd.data.dali.draws import Draws
from gluon_ssd.data.dali.prepare import DaliSamples, Preparer
from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.stand_in import BadImages
from gluon_ssd.data.orientations import read_turned
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError
from tests.data import odd_pictures as odd
from tests.data.builders import write_image

SIZE = (40, 80)
IMAGE_HW = (20, 40)
BOX = (4, 4, 12, 12)
COUNT = 6


def first_box(boxes_px, labels):
    """A target maker that shows the first box it was given, and its label + 1."""
    classes, boxes = np.zeros(1, np.int32), np.zeros((1, 4), np.float32)
    classes[: len(labels[:1])], boxes[: len(labels[:1])] = labels[:1] + 1, boxes_px[:1]
    return classes, boxes


class Chosen:
    """Draws nothing but a shift of the crop, of which each has more than the one before."""

    shape, step = (1.0, 1.0), 0.0
    asked: list

    def __init__(self, augmentation, *, batch_size, seed):
        self._batch_size, self._seed = batch_size, seed

    def draw(self, boxes_unit):
        Chosen.asked.append((self._seed, boxes_unit))
        rows = np.arange(self._batch_size, dtype=np.float32)
        anchor = np.stack([rows * self.step, 0 * rows], axis=1)
        shape = np.tile(np.float32(self.shape), (len(rows), 1))
        twist = np.tile(rows[:, None], (1, 4))
        return Draws(1 + 0 * rows, 0 * anchor, anchor, shape, twist, rows.astype(np.int32) % 2)


@pytest.fixture(autouse=True)
def draws(monkeypatch):
    Chosen.asked = []
    monkeypatch.setattr(prepare, "DrawGraph", Chosen)
    return Chosen


@pytest.fixture
def dataset(tmp_path):
    """Images of 20 × 40 with a box each; their labels are their numbers."""
    items = []
    for number in range(COUNT):
        path = write_image(tmp_path / f"{number}.jpg", IMAGE_HW, seed=number)
        boxes, labels = np.array([BOX], np.float32), np.array([number], np.int32)
        none = np.zeros(1, bool)
        items.append(ListedItem(str(path), number, Annotation(boxes, labels, none, none, IMAGE_HW)))
    return ListedDataset(items, name="t", classes=tuple("abcdef"), metric="voc07")


NO_RULE = BadImages()


def preparer(dataset, *, batch_size=2, share=None, bad=NO_RULE):
    samples = DaliSamples(InputFormat(SIZE), DaliAugmentation(), first_box)
    return Preparer(
        dataset, samples, batch_size=batch_size, seed=5, share=share or Share(), bad=bad
    )


def images_of(batches):
    return [[used.image for used in batch.used] for batch in batches]


def test_every_image_comes_once_in_the_order_of_the_plan(dataset):
    made = preparer(dataset)
    found = list(made.batches(0, 0))
    assert images_of(found) == [[p.image for p in made.plan.batch(0, n)] for n in range(3)]
    assert sorted(sum(images_of(found), [])) == list(range(COUNT))
    for batch in found:
        assert batch.class_targets[:, 0].tolist() == [used.image + 1 for used in batch.used]
        assert (batch.class_targets.shape, batch.box_targets.shape) == ((2, 1), (2, 1, 4))


def test_a_photo_that_is_to_be_turned_is_handed_over_turned(dataset):
    turned_first = dataset.with_orientations(dict.fromkeys(range(COUNT), 6), {})
    (batch, *_) = preparer(turned_first).batches(0, 0)
    assert batch.inputs.shape.tolist() == [[40, 20]] * 2
    for encoded, used in zip(batch.inputs.encoded, batch.used, strict=True):
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]
        np.testing.assert_array_equal(image, read_turned(dataset.image_path(used.image), 6))


def test_targets_follow_the_draw_of_their_row(dataset):
    (batch, *_) = preparer(dataset).batches(0, 0)
    # Doubled; the second row is mirrored.
    assert batch.box_targets[:, 0].tolist() == [[8, 8, 24, 24], [80 - 24, 8, 80 - 8, 24]]
    assert batch.inputs.flip.tolist() == [0, 1]
    assert batch.inputs.twist.tolist() == [[0] * 4, [1] * 4]
    assert batch.inputs.shape.tolist() == [list(IMAGE_HW)] * 2


def test_a_crop_that_keeps_the_box_is_taken(dataset, draws, monkeypatch):
    monkeypatch.setattr(draws, "shape", (0.5, 1.0))
    (batch, *_) = preparer(dataset).batches(0, 0)
    assert batch.inputs.shape.tolist() == [[20, 20]] * 2
    assert batch.box_targets[0, 0].tolist() == [16, 8, 48, 24]


def test_a_crop_that_loses_every_object_is_not(dataset, draws, monkeypatch):
    monkeypatch.setattr(draws, "shape", (0.5, 1.0))
    monkeypatch.setattr(draws, "step", 0.5)  # the second row shows the right half, without a box
    (batch, *_) = preparer(dataset).batches(0, 0)
    assert batch.inputs.shape.tolist() == [[20, 20], [20, 40]]
    assert batch.inputs.start.tolist() == [[0, 0], [0, 0]]


def test_draws_are_asked_for_with_boxes_in_shares(dataset):
    list(preparer(dataset).batches(0, 2))
    assert len(Chosen.asked) == 3  # also for the batches before the first
    for _, boxes in Chosen.asked:
        np.testing.assert_allclose(boxes, [[[0.1, 0.2, 0.3, 0.6]]] * 2, rtol=1e-6)


def test_seeds_differ_between_epochs_alone(dataset):
    for epoch in (0, 1, 0):
        list(preparer(dataset).batches(epoch, 0))
    seeds = [seed for seed, _ in Chosen.asked[::3]]
    assert seeds[0] == seeds[2] != seeds[1]
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_what_is_left_begins_at_the_part_that_is_asked_for(dataset, first):
    whole = images_of(preparer(dataset).batches(0, 0))
    assert images_of(preparer(dataset).batches(0, first)) == whole[first:]


def test_processes_and_parts_share_a_batch_and_its_draws(dataset):
    (whole, *_) = preparer(dataset, batch_size=4).batches(0, 0)
    pieces = []
    for part in (0, 1):
        for rank in (0, 1):
            made = preparer(dataset, batch_size=4, share=Share(rank, 2, 2))
            assert made.rows == 1
            pieces.append(list(made.batches(0, 0))[part])
    assert images_of(pieces) == [[used.image] for used in whole.used]
    assert [int(piece.inputs.twist[0, 0]) for piece in pieces] == [0, 1, 2, 3]
    np.testing.assert_array_equal(
        np.concatenate([p.box_targets for p in pieces]), whole.box_targets
    )


def test_a_refused_image_is_an_error_or_is_stood_in_for(dataset):
    made = preparer(dataset)
    made.refused[3] = "3.jpg is broken inside"
    with pytest.raises(DataError, match="^3.jpg is broken inside$"):
        list(made.batches(0, 0))
    made = preparer(dataset, bad=BadImages(stand_in=True))
    made.refused[3] = "3.jpg is broken inside"
    used = [each for batch in made.batches(0, 0) for each in batch.used]
    assert sorted(each.image for each in used) == [0, 1, 2, 4, 4, 5]
    assert [bad for each in used for bad in each.skipped] == [(3, "3.jpg is broken inside")]


@pytest.mark.dali
def test_damage_is_looked_for_where_it_makes_an_image_unusable(dataset):
    path = dataset.image_path(3)
    with open(path, "wb") as file:
        file.write(odd.damaged_jpeg())
    used = [each.image for batch in preparer(dataset).batches(0, 0) for each in batch.used]
    assert sorted(used) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(DataError, match=r"the image .*3\.jpg: it is damaged .Corrupt JPEG data"):
        list(preparer(dataset, bad=BadImages(refuse_damaged=True)).batches(0, 0))
    made = preparer(dataset, bad=BadImages(stand_in=True, refuse_damaged=True))
    skipped = [bad for batch in made.batches(0, 0) for each in batch.used for bad in each.skipped]
    assert [bad.image for bad in skipped] == [3]
