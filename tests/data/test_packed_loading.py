"""Images inside a RecordIO file give the batches of the same images as files, bit for bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem, Selection
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples, TrainSamples
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import DataError
from tests.data.records import data_of, write_records

FORMAT = InputFormat((64, 96))
NAMES = ("a", "b")
BOX = (32, 16, 160, 96)
WIDTH, HEIGHT = 256, 128  # powers of 2, so that fractions in float32 are exact


class Boxes:
    """A target maker that shows what it was given: label + 1 and the boxes, then zeros."""

    def __call__(self, boxes_px, labels):
        classes, boxes = np.zeros(3, np.int32), np.zeros((3, 4), np.float32)
        classes[: len(labels)], boxes[: len(labels)] = labels + 1, boxes_px
        return classes, boxes


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same eight images as files and as records."""
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(3)
    items, records = [], []
    for number in range(8):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        path = folder / f"{number}.jpg"
        assert cv2.imwrite(str(path), cv2.resize(coarse, (WIDTH, HEIGHT)))
        flags = np.zeros(1, bool)
        label = np.array([number % 2], np.int32)
        boxes = np.array([BOX], np.float32)
        annotation = Annotation(boxes, label, flags, flags, (HEIGHT, WIDTH))
        items.append(ListedItem(str(path), number, annotation))
        shares = [value / side for value, side in zip(BOX, (WIDTH, HEIGHT) * 2, strict=True)]
        records.append(data_of(number, [2, 5, number % 2, *shares], path.read_bytes()))
    write_records(folder / "train.rec", records)
    packed = open_custom(Selection(folder / "train.rec", train=True, classes=NAMES))
    return ListedDataset(items, name="files", classes=NAMES, metric="voc07"), packed


def assert_equal_batches(ours, theirs):
    count = 0
    for one, two in zip(ours, theirs, strict=True):
        count += 1
        np.testing.assert_array_equal(one.indices, two.indices)
        for name, array in one.arrays.items():
            np.testing.assert_array_equal(_numpy(array), _numpy(two.arrays[name]))
    assert count


def _numpy(array):
    return array if isinstance(array, np.ndarray) else array.asnumpy()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("train", [True, False])
def test_the_native_loader(pair, workers, train):
    native = POLICIES["legacy"].native
    samples = TrainSamples(FORMAT, native, Boxes()) if train else EvalSamples(FORMAT)
    loaders = [
        Loader(dataset, samples, batch_size=4, shuffle=train, seed=5, num_workers=workers)
        for dataset in pair
    ]
    with loaders[0], loaders[1]:
        assert_equal_batches(*(loader.epoch(0) for loader in loaders))


def dali_loader(dataset, **settings):
    from gluon_ssd.data.dali.loader import DaliLoader
    from gluon_ssd.data.dali.prepare import DaliSamples

    samples = DaliSamples(FORMAT, DaliAugmentation(), Boxes())
    return DaliLoader(dataset, samples, batch_size=4, seed=5, num_threads=1, **settings)


@pytest.mark.dali
def test_the_loader_of_dali(pair):
    assert_equal_batches(*(dali_loader(dataset).epoch(0) for dataset in pair))


@pytest.mark.dali
def test_dali_names_the_record_that_it_cannot_decode(pair, monkeypatch):
    from gluon_ssd.data.dali import prepare

    broken = np.frombuffer(b"\xff\xd8\xff\xe0 no picture", dtype=np.uint8)
    real = prepare.read_encoded

    def read_encoded(source, **options):
        data, size_hw = real(source, **options)
        return (broken if "record 3" in str(source) else data), size_hw

    monkeypatch.setattr(prepare, "read_encoded", read_encoded)
    with pytest.raises(DataError, match=r"DALI failed on one of .*train.rec, record \d at byte"):
        list(dali_loader(pair[1]).epoch(0))
