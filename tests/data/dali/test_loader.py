"""Training through DALI: the native loader's images and targets, its own draws, bad files."""

from __future__ import annotations

import dataclasses
import logging

import cv2
import numpy as np
import pytest

from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.augment.transforms import apply_train, eval_transform
from gluon_ssd.data.dali.draws import Draws, geometry, stack_geometries
from gluon_ssd.data.dali.graphs import PixelGraph, PixelInputs
from gluon_ssd.data.dali.loader import DaliLoader
from gluon_ssd.data.dali.prepare import DaliSamples
from gluon_ssd.data.dataset import Annotation, ListedDataset, ListedItem, Selection
from gluon_ssd.data.images import read_encoded, read_image
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples
from gluon_ssd.data.loading.stand_in import BadImages
from gluon_ssd.data.orientations import settle_orientations
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.detection.boxes import resize_boxes
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.detection.normalization import IMAGENET_STD
from gluon_ssd.errors import DataError
from tests.data.photos import BOX, UPRIGHT_HW, photo

SIZE = (64, 96)
NUM_IMAGES = 14
BATCH = 4
NEUTRAL = {name: (1.0, 1.0) for name in ("brightness", "contrast", "saturation")}
UNCHANGED = DaliAugmentation(
    zoom_probability=0.0, crop_overlaps=(), flip_probability=0.0, hue=(0.0, 0.0), **NEUTRAL
)


class Boxes:
    """A target maker that shows what it was given: label + 1 and the boxes, then zeros."""

    def __call__(self, boxes_px, labels):
        classes, boxes = np.zeros(3, np.int32), np.zeros((3, 4), np.float32)
        classes[: len(labels)], boxes[: len(labels)] = labels + 1, boxes_px
        return classes, boxes


def one_box(box, label, size_hw):
    nothing = np.zeros(1, bool)
    return Annotation(
        np.array([box], np.float32), np.array([label], np.int32), nothing, nothing, size_hw
    )


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """Grey images of several sizes with one blue rectangle each, which is the object."""
    folder = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(3)
    items = []
    for number in range(NUM_IMAGES):
        height, width = (int(side) for side in rng.integers(120, 240, 2))
        x, y = (int(v) for v in rng.integers(10, 50, 2))
        box = (x, y, x + int(rng.integers(30, 60)), y + int(rng.integers(30, 60)))
        image = np.full((height, width, 3), 128, np.uint8)
        image[box[1] : box[3], box[0] : box[2]] = (255, 0, 0)
        path = str(folder / f"{number}.jpg")
        assert cv2.imwrite(path, image, [cv2.IMWRITE_JPEG_QUALITY, 100])
        items.append(ListedItem(path, number, one_box(box, number % 2, (height, width))))
    return ListedDataset(items, name="squares", classes=("a", "b"), metric="voc07")


def loader(dataset, augmentation=None, *, seed=5, batch_size=BATCH, make_targets=None, **settings):
    samples = DaliSamples(
        InputFormat(SIZE), augmentation or DaliAugmentation(), make_targets or Boxes()
    )
    settings = {"num_threads": 1, **settings}
    return DaliLoader(dataset, samples, batch_size=batch_size, seed=seed, **settings)


def copies(batches):
    """[(indices, image, class targets, box targets)] as NumPy."""
    return [
        (
            batch.indices,
            batch.arrays["image"].asnumpy(),
            batch.arrays["class_targets"],
            batch.arrays["box_targets"],
        )
        for batch in batches
    ]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        for our_array, their_array in zip(our, their, strict=True):
            np.testing.assert_array_equal(our_array, their_array)


@pytest.fixture(scope="module")
def unbroken(squares):
    """Epochs 0 and 1 of a seeded loader."""
    made = loader(squares)
    return [copies(made.epoch(epoch)) for epoch in (0, 1)]


@pytest.mark.dali
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("exif", ["apply", "ignore"])
def test_photos_are_seen_as_the_native_loader_sees_them(tmp_path, orientation, exif):
    path = photo(tmp_path / "a.jpg", orientation)
    item = ListedItem(str(path), 0, one_box((2, 2, 9, 9), 0, None))
    set_ = ListedDataset([item] * 2, name="photos", classes=("a",), metric="voc07")
    set_ = settle_orientations(set_, exif)
    assert set_.orientation(0) == (orientation if exif == "apply" else 1)
    ((_, images, _, _),) = copies(loader(set_, UNCHANGED, batch_size=2).epoch(0))
    expected = EvalSamples(InputFormat(SIZE))(set_, 0, np.random.default_rng(0))["image"]
    assert np.abs(images[0] - expected).mean() < 0.03


@pytest.mark.dali
def test_boxes_of_photos_lie_on_their_objects_however_the_camera_was_held(tmp_path):
    """Each of the eight orientations, zoomed, cropped and flipped."""
    photos = [photo(tmp_path / f"{tag}.jpg", tag) for tag in range(1, 9)]
    truth = one_box(BOX, 0, UPRIGHT_HW)
    items = [ListedItem(str(path), index, truth) for index, path in enumerate(photos)]
    set_ = ListedDataset(items, name="photos", classes=("a",), metric="voc07")
    set_ = settle_orientations(set_, "apply")
    made = loader(set_, DaliAugmentation(hue=(0.0, 0.0), **NEUTRAL), batch_size=8)
    for epoch in range(3):
        ((_, images, _, boxes),) = copies(made.epoch(epoch))
        for image, found in zip(images, boxes, strict=True):
            rows, columns = np.nonzero(image.mean(0) > 1.2)  # the white square
            square = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            np.testing.assert_allclose(found[0], square, atol=1)


def anchors():
    """Centres every 8 pixels of SIZE, two sizes each."""
    y, x, side = np.meshgrid(np.arange(4, 64, 8), np.arange(4, 96, 8), [16, 40], indexing="ij")
    return np.stack([x, y, side, side], axis=-1).reshape(-1, 4).astype(np.float32)


# --- against the native path ----------------------------------------------------------------------


@pytest.mark.dali
def test_without_augmentation_targets_are_the_same_and_pixels_nearly(shared_dir):
    dataset = open_dataset(
        "voc", Selection(shared_dir / "data/voc-mini", train=False, splits="2007_test")
    )
    dataset = dataset.subset(range(0, 96, 4))
    size, targets = (300, 300), TargetMaker(anchors() * 3)
    samples = DaliSamples(InputFormat(size), UNCHANGED, targets)
    made = DaliLoader(dataset, samples, batch_size=8, seed=0, num_threads=2)
    differences = []
    for indices, images, classes, boxes in copies(made.epoch(0)):
        for row, index in enumerate(indices):
            pixels = read_image(dataset.image_path(index))
            truth = dataset.annotation(index)
            in_pixels = resize_boxes(truth.boxes_px, pixels.shape[:2], size)
            expected = targets(in_pixels, truth.labels)
            np.testing.assert_array_equal(classes[row], expected[0])
            np.testing.assert_array_equal(boxes[row], expected[1])
            assert expected[0].any()
            native = eval_transform(pixels, InputFormat(size))
            differences.append(np.abs(images[row] - native).mean(axis=(1, 2)) * IMAGENET_STD)
    assert len(differences) == 24
    # In units of 0-255: 1.0 on average; the filter is wider than OpenCV's area filter.
    assert 255 * np.mean(differences) < 2
    assert 255 * np.max(differences) < 8


@pytest.mark.dali
@pytest.mark.parametrize(("rule", "most"), [("pil", 1.01), ("linear", 0.52)])
def test_images_are_resized_by_the_rule_of_the_network(tmp_path, rule, most):
    """Noise, of which the two rules make quite different things when it shrinks."""
    rng, items, wanted = np.random.default_rng(2), [], InputFormat((60, 80), resize=rule)
    for number in range(4):
        noise = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
        path = str(tmp_path / f"{number}.png")
        assert cv2.imwrite(path, noise)
        items.append(ListedItem(path, number, one_box((10, 10, 90, 90), 0, (200, 300))))
    dataset = ListedDataset(items, name="noise", classes=("a",), metric="voc07")
    samples = DaliSamples(wanted, UNCHANGED, Boxes())
    made = DaliLoader(dataset, samples, batch_size=2, seed=0, num_threads=1)
    for indices, images, _, _ in copies(made.epoch(0)):
        for index, found in zip(indices, images, strict=True):
            native = eval_transform(read_image(dataset.image_path(index)), wanted)
            levels = 255 * np.abs(found - native) * np.array(IMAGENET_STD)[:, None, None]
            # At the edges DALI repeats pixels where Pillow leaves them out.
            assert levels[:, 2:-2, 2:-2].max() < most and levels.mean() < 0.3


@pytest.mark.dali
def test_crop_canvas_and_flip_are_those_of_the_native_transform(squares):
    """Pixels of one graph against the long way, for random draws with and without a canvas."""
    rng = np.random.default_rng(0)
    count = len(squares)
    draws = Draws(
        zoom=np.where(np.arange(count) % 2, rng.uniform(1, 4, count), 1).astype(np.float32),
        paste=rng.uniform(0, 1, (count, 2)).astype(np.float32),
        anchor=rng.uniform(0, 0.4, (count, 2)).astype(np.float32),
        shape=rng.uniform(0.5, 0.6, (count, 2)).astype(np.float32),
        twist=np.tile(np.array([1, 1, 1, 0], np.float32), (count, 1)),
        flip=(np.arange(count) % 3 == 0).astype(np.int32),
    )
    encoded, sizes = zip(*(read_encoded(squares.image_path(i)) for i in range(count)), strict=True)
    trains = [draws.train_draw(row, sizes[row]) for row in range(count)]
    visible = [row for row, t in enumerate(trains) if np.any(apply_train_of(squares, row, t))]
    assert len(visible) >= 10
    geometries = [geometry(trains[row], sizes[row], SIZE) for row in visible]
    inputs = PixelInputs(
        [encoded[row] for row in visible],
        *stack_geometries(geometries),
        draws.twist[visible],
        draws.flip[visible],
    )
    waiting = iter([inputs])
    graph = PixelGraph(
        lambda: next(waiting),
        batch_size=len(visible),
        input_format=InputFormat(SIZE),
        num_threads=1,
    )
    images = graph.next_images().asnumpy()
    with pytest.raises(StopIteration):
        graph.next_images()
    for image, row in zip(images, visible, strict=True):
        native = apply_train_of(squares, row, trains[row])
        difference = np.abs(image - native).mean(axis=(1, 2)) * IMAGENET_STD * 255
        assert difference.max() < 6, row
        # The canvas is in the same place: only a line of half-covered pixels may differ.
        assert ((image == 0).all(axis=0) != (native == 0).all(axis=0)).mean() < 0.04


def apply_train_of(dataset, index, draw):
    return apply_train(read_image(dataset.image_path(index)), draw, InputFormat(SIZE))


@pytest.mark.dali
def test_boxes_stay_on_their_objects_through_every_augmentation(squares):
    settings = dataclasses.replace(DaliAugmentation(), **NEUTRAL, hue=(0.0, 0.0))
    made = loader(squares, settings)
    seen = 0
    for epoch in range(4):
        for _, images, classes, boxes in copies(made.epoch(epoch)):
            for image, box, label in zip(images, boxes[:, 0], classes[:, 0], strict=True):
                blue = (image[2] - image[0]) > 1.5
                assert label > 0
                rows, columns = np.flatnonzero(blue.any(axis=1)), np.flatnonzero(blue.any(axis=0))
                found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
                np.testing.assert_allclose(found, box, atol=2.5)
                seen += 1
    assert seen == 4 * NUM_IMAGES


@pytest.mark.dali
def test_order_and_epochs_are_those_of_the_native_loader(squares, unbroken):
    native = Loader(
        squares,
        EvalSamples(InputFormat((8, 8))),
        batch_size=BATCH,
        shuffle=True,
        seed=5,
        num_workers=0,
    )
    for epoch, batches in enumerate(unbroken):
        expected = [batch.indices.tolist() for batch in native.epoch(epoch)]
        assert [indices.tolist() for indices, *_ in batches] == expected
    assert [len(batches) for batches in unbroken] == [3, 4]


# --- seeds, resuming, sharing ---------------------------------------------------------------------


@pytest.mark.dali
def test_a_seed_repeats_with_any_number_of_threads(squares, unbroken):
    again = loader(squares, num_threads=2)
    assert_same(copies(again.epoch(0)), unbroken[0])
    other = copies(loader(squares, seed=6).epoch(0))
    assert not np.array_equal(other[0][1], unbroken[0][0][1])


@pytest.mark.dali
@pytest.mark.parametrize("start", [1, 3])
def test_resuming_within_an_epoch_equals_the_unbroken_run(squares, unbroken, start):
    made = loader(squares)
    next(made.epoch(0))  # and leaving one in its middle spoils nothing
    assert_same(copies(made.epoch(1, start)), unbroken[1][start:])


@pytest.mark.dali
def test_an_image_differs_between_epochs(squares, unbroken):
    first = {i: image for batch in unbroken[0] for i, image in zip(*batch[:2], strict=True)}
    second = {i: image for batch in unbroken[1] for i, image in zip(*batch[:2], strict=True)}
    both = first.keys() & second.keys()
    assert len(both) >= 8
    assert not any(np.array_equal(first[i], second[i]) for i in both)


@pytest.mark.dali
@pytest.mark.parametrize("world, parts", [(2, 1), (1, 2), (2, 2)])
def test_shares_together_are_the_whole_batch(squares, unbroken, world, parts):
    ranks = [
        copies(loader(squares, share=Share(rank, world, parts)).epoch(0)) for rank in range(world)
    ]
    # Part 0 of every rank, then part 1.
    pieces = [[ranks[r][n] for r in range(world)] for n in range(len(ranks[0]))]
    whole = [
        tuple(
            np.concatenate([piece[field] for part in group for piece in part]) for field in range(4)
        )
        for group in zip(*(pieces[p::parts] for p in range(parts)), strict=True)
    ]
    assert_same(whole, unbroken[0])


# --- images without boxes, and bad files ----------------------------------------------------------


@pytest.mark.dali
def test_images_without_boxes_are_background(squares):
    bare = Annotation(
        np.zeros((0, 4), np.float32), np.zeros(0, np.int32), *[np.zeros(0, bool)] * 2, None
    )
    items = [ListedItem(squares.image_path(i), i, bare) for i in range(8)]
    dataset = ListedDataset(items, name="bare", classes=("a",), metric="voc07")
    made = loader(dataset)
    for epoch in range(3):
        for _, images, classes, boxes in copies(made.epoch(epoch)):
            assert not classes.any() and not boxes.any()
            assert np.abs(images).max(axis=(1, 2, 3)).min() > 0.05  # some of the image shows


# --- bad files ------------------------------------------------------------------------------------


def without_tables(data):
    """A JPEG with whole header and end that no decoder can use: its tables are gone."""
    return data.replace(b"\xff\xdb", b"\xff\xdc")


DAMAGES = {
    "truncated": (lambda data: data[: len(data) // 2], r"the JPEG is cut off \(no end marker\)"),
    "empty": (lambda data: b"", "the file is empty"),
    "text": (lambda data: b"this is no picture\n" * 99, "it cannot be decoded"),
    "without tables": (without_tables, "Unsupported image type"),
}


@pytest.fixture(params=DAMAGES)
def damaged(request, squares, tmp_path):
    """The squares with number 2 damaged after the data set was opened; and what is said of it."""
    damage, message = DAMAGES[request.param]
    items = []
    for index in range(NUM_IMAGES):
        path = squares.image_path(index)
        if index == 2:
            path = str(tmp_path / "damaged.jpg")
            with open(squares.image_path(index), "rb") as whole, open(path, "wb") as file:
                file.write(damage(whole.read()))
        items.append(ListedItem(path, index, squares.annotation(index)))
    return ListedDataset(items, name="squares", classes=("a", "b"), metric="voc07"), message


@pytest.mark.dali
def test_a_bad_file_is_an_error_that_names_it(damaged):
    dataset, message = damaged
    made = loader(dataset, batch_size=7)
    with pytest.raises(DataError, match=rf"the image \S+damaged\.jpg: .*{message}"):
        copies(made.epoch(0))


@pytest.mark.dali
def test_a_bad_file_is_skipped_and_nothing_else_changes(damaged, squares, caplog):
    caplog.set_level(logging.WARNING)
    dataset, message = damaged
    made = loader(dataset, bad=BadImages(stand_in=True))
    whole = loader(squares)
    for epoch in (0, 1):
        found, expected = copies(made.epoch(epoch)), copies(whole.epoch(epoch))
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            bad = theirs[0] == 2
            np.testing.assert_array_equal(ours[0][bad], [3] * bad.sum())
            for our_array, their_array in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(our_array[~bad], their_array[~bad])
    assert made.skips.num_images == 1
    assert made.skips.times == 2
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1 and "damaged.jpg" in told[0]
