"""What a worker makes of a task, and where it puts it; without any process."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from gluon_ssd.data.image_notes import DAMAGED, DARK, Note, tell
from gluon_ssd.data.loading.stand_in import BadImage, BadImages, OddImage, Used
from gluon_ssd.data.loading.worker import TASK, Job, Layout
from gluon_ssd.errors import DataError, Interrupted, OptionError
from tests.data.odd_datasets import NumberedDataset, NumberSamples

PAGE = 4096
STAND_IN = BadImages(stand_in=True)
LEAVE_OUT = BadImages(leave_out=True)
SPEC = {"image": ((3, 4), np.float32), "number": ((), np.int64)}


def job(trouble="none", at=-1, **settings):
    return Job(NumberedDataset(5), NumberSamples(trouble, at), **{"seed": 3, **settings})


@pytest.mark.parametrize(
    ("batch_size", "workers", "pages"),
    [
        (1, 1, 1 + 2 * 2),
        (85, 255, 1 + 2 * 2),  # 4,080 bytes of images, and 4,088 of the table
        (86, 256, 2 + 2 * (2 + 1)),
        (512, 1, 1 + 2 * (6 + 1)),
        (513, 1, 1 + 2 * (7 + 2)),
    ],
)
def test_every_array_begins_on_a_page_of_its_own(batch_size, workers, pages):
    layout = Layout(SPEC, batch_size, num_slots=2, num_workers=workers)
    assert layout.num_bytes == pages * PAGE


def test_arrays_of_all_slots_share_no_byte():
    layout = Layout(SPEC, batch_size=5, num_slots=3, num_workers=2)
    memory = mmap.mmap(-1, layout.num_bytes)
    table, cancelled_below = layout.status(memory)
    assert (table.shape, table.dtype, cancelled_below.shape) == ((2, 2), np.int64, (1,))
    arrays = [table, cancelled_below]
    arrays += [array for slot in layout.slots(memory) for array in slot.values()]
    for number, array in enumerate(arrays, 1):
        array[...] = number
    for number, array in enumerate(arrays, 1):
        assert (array == number).all()
    first = layout.slots(memory)[0]
    assert [(name, a.shape, a.dtype) for name, a in first.items()] == [
        ("image", (5, 3, 4), np.float32),
        ("number", (5,), np.int64),
    ]
    assert first["image"][0, 0, 0] == 3  # another view of the same memory


def test_records_of_a_pipe_are_of_one_size():
    assert TASK.unpack(TASK.pack(1, 2, 3, 4, -5, 6)) == (1, 2, 3, 4, -5, 6)
    assert PAGE % TASK.size < TASK.size == 48


def test_a_sample_depends_on_seed_epoch_and_index_alone():
    def noise(*place, **settings):
        return job(**settings).make(*place)[0]["noise"].tolist()

    expected = np.random.default_rng((3, 1, 2)).random(3, dtype=np.float32).tolist()
    assert noise(1, 2) == noise(1, 2) == expected
    others = [noise(0, 2), noise(1, 3), noise(1, 2, seed=4), noise(1, 2, 1), noise(1, 2, 2)]
    assert all(other != expected for other in others)
    assert noise(1, 2, 0) == expected
    assert noise(1, 2, 1) == noise(1, 2, 1) != noise(1, 2, 2)


def test_without_trouble_the_image_itself_is_used():
    sample, used = job(bad=STAND_IN).make(0, 4)
    assert (int(sample["number"]), used) == (4, Used(4, ()))


def test_a_stand_in_takes_the_random_numbers_of_the_place_it_fills():
    bad = job("error", at=4, bad=STAND_IN)
    sample, used = bad.make(2, 4)
    assert used == Used(0, (BadImage(4, "images/000004.jpg: the picture is upside down"),))
    assert int(sample["number"]) == 0
    own = job().make(2, 4)[0]["noise"]
    np.testing.assert_array_equal(sample["noise"], own)


def test_an_error_gets_the_file_put_in_front_once():
    with pytest.raises(DataError, match="^images/000001.jpg: the picture is upside down$"):
        job("error", at=1).make(0, 1)


class Named(NumberSamples):
    """An error that already names its file, and settings."""

    def __call__(self, dataset, index, rng):
        raise OptionError(f"no room for {dataset.image_path(index)}", settings=("batch_size",))


def test_an_error_that_names_the_file_is_left_as_it_is():
    with pytest.raises(OptionError, match="^no room for images/000002.jpg$") as caught:
        Job(NumberedDataset(5), Named(), 0).make(0, 2)
    assert caught.value.settings == ("batch_size",)


def test_a_signal_is_no_error_of_the_image():
    with pytest.raises(Interrupted, match="^stopped by SIGINT$"):
        job("signal", at=1, bad=STAND_IN).make(0, 1)


def test_an_image_is_left_out_with_a_place_below_0():
    sample, used = job("error", at=4, bad=LEAVE_OUT).make(2, 4)
    assert sample is None
    assert used == Used(~4, (BadImage(4, "images/000004.jpg: the picture is upside down"),))
    sample, used = job("error", at=4, bad=LEAVE_OUT).make(2, 3)
    assert (int(sample["number"]), used) == (3, Used(3, ()))


class Odd(NumberSamples):
    """Samples of which number 1 is damaged and number 2 dark."""

    def __call__(self, dataset, index, rng):
        if index in (1, 2):
            reason = DAMAGED if index == 1 else DARK
            tell(Note(reason, f"{dataset.image_path(index)} is odd"))
        return super().__call__(dataset, index, rng)


@pytest.mark.parametrize("index", [1, 2])
def test_an_odd_image_is_used_and_noted(index):
    sample, used = Job(NumberedDataset(5), Odd(), 0).make(0, index)
    assert (int(sample["number"]), used.image) == (index, index)
    note = Note(DAMAGED if index == 1 else DARK, f"images/00000{index}.jpg is odd")
    assert used.odd == (OddImage(index, note),)


def test_a_damaged_image_can_count_as_unusable():
    refused = Job(NumberedDataset(5), Odd(), 0, BadImages(refuse_damaged=True))
    with pytest.raises(DataError, match="^images/000001.jpg is odd$"):
        refused.make(0, 1)
    stood_in = Job(NumberedDataset(5), Odd(), 0, BadImages(stand_in=True, refuse_damaged=True))
    _, used = stood_in.make(0, 1)
    assert used.skipped == (BadImage(1, "images/000001.jpg is odd"),)
    assert [odd.image for odd in used.odd] == [used.image] == [2]
