"""All of a DALI batch but its pixels: which images, what is drawn, the files and the targets.

The images are chosen as the native plan does. What is random is drawn by DALI, for the whole batch
of all processes, so that it is the same however many share it. The targets come from the
target maker of the native loader: DALI's box encoder leaves out the bipartite pass and so differs
on some anchors.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.augment.crop import Window, crop_boxes
from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.augment.transforms import TrainDraw, transform_boxes
from gluon_ssd.data.dali.draws import Draws, Geometry, geometry, stack_geometries
from gluon_ssd.data.dali.graphs import DrawGraph, PixelInputs
from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.exif import AS_STORED, turned, turned_size
from gluon_ssd.data.images import MAX_PIXELS, decode_image, measure_image, read_encoded
from gluon_ssd.data.loading.batch_plan import BatchPlan, Share
from gluon_ssd.data.loading.stand_in import BadImages, Used, use_first_good
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.matching import MakesTargets
from gluon_ssd.errors import DataError


@dataclasses.dataclass(frozen=True)
class DaliSamples:
    """What a sample is made of: the fields of TrainSamples, with DALI's own augmentation."""

    input_format: InputFormat
    augmentation: DaliAugmentation
    make_targets: MakesTargets
    max_pixels: int = MAX_PIXELS


class Prepared(NamedTuple):
    """B samples but for their pixels.

    | name | shape | dtype | meaning |
    |---|---|---|---|
    | inputs | | | what the pixels are made from |
    | class_targets | (B, A) | int32 | 0 for background, label + 1 for a match |
    | box_targets | (B, A, 4) | float32 | encoded offsets |
    | used | B | | images, and those that others stand in for |
    """

    inputs: PixelInputs
    class_targets: np.ndarray
    box_targets: np.ndarray
    used: list[Used]


class Preparer:
    """Prepares batches in the order of a rollover plan, in the thread that iterates over them.

    The arguments, and the errors that they cause, are those of DaliLoader.

    Attributes:
        plan: which images make up which batch.
        rows: samples that one part of a batch has.
        refused: index -> reason, images that are not to be used though their file is whole.
    """

    def __init__(
        self,
        dataset: Dataset,
        samples: DaliSamples,
        *,
        batch_size: int,
        seed: int,
        share: Share,
        bad: BadImages,
        repeats: NDArray[np.float64] | None = None,
    ) -> None:
        plan = functools.partial(
            BatchPlan,
            len(dataset),
            batch_size,
            shuffle=True,
            seed=seed,
            last_batch="rollover",
            repeats=repeats,
        )
        self.plan = plan(share=share)
        self._whole_plan = plan()
        self.rows = batch_size // share.pieces
        self._dataset = dataset
        self._samples = samples
        self._batch_size = batch_size
        self._seed = seed
        self._bad = bad
        self._sound: set[int] = set()
        self.refused: dict[int, str] = {}

    def batches(self, epoch: int, first: int) -> Iterator[Prepared]:
        """What is left of an epoch after `first` parts of batches.

        Raises:
            DataError: an image cannot be used; naming the file.
        """
        parts = self.plan.share.parts
        # A seed of DALI's range, below 2**31, which differs between epochs.
        seed = int(np.random.SeedSequence((self._seed, epoch)).generate_state(1)[0] >> 1)
        most = self._samples.max_pixels
        graph = DrawGraph(self._samples.augmentation, batch_size=self._batch_size, seed=seed)
        for number in range(self.plan.num_batches(epoch)):
            # Also for the batches before the first, which brings the generators to where they were.
            places = self._whole_plan.batch(epoch, number)
            draws = graph.draw([_boxes_unit(self._dataset, place.image, most) for place in places])
            for part in range(parts):
                if number * parts + part >= first:
                    yield self._prepare(epoch, number, part, draws)

    def _prepare(self, epoch: int, number: int, part: int, draws: Draws) -> Prepared:
        share = self.plan.share
        first = (part * share.world + share.rank) * self.rows
        places = self.plan.batch(epoch, number, part)
        made = [self._sample(place.image, draws, first + row) for row, place in enumerate(places)]
        encoded, placed, class_targets, box_targets, used = zip(*made, strict=True)
        drawn = slice(first, first + self.rows)
        start, shape, size, roi, place = stack_geometries(placed)
        twist, flip = draws.twist[drawn], draws.flip[drawn]
        inputs = PixelInputs(list(encoded), start, shape, size, roi, place, twist, flip)
        return Prepared(inputs, np.stack(class_targets), np.stack(box_targets), list(used))

    def _sample(
        self, index: int, draws: Draws, row: int
    ) -> tuple[np.ndarray, Geometry, np.ndarray, np.ndarray, Used]:
        """Encoded image, geometry, class targets, box targets and the image that was used."""
        (encoded, image_hw), used = use_first_good(
            self._read, index, num_images=len(self._dataset), skip_bad=self._bad.stand_in
        )
        annotation = self._dataset.annotation(used.image)
        draw = _keep_objects(draws.train_draw(row, image_hw), annotation.boxes_px, image_hw)
        boxes, kept = transform_boxes(annotation.boxes_px, draw, self._samples.input_format.size_hw)
        class_targets, box_targets = self._samples.make_targets(boxes, annotation.labels[kept])
        placed = geometry(draw, image_hw, self._samples.input_format.size_hw)
        return encoded, placed, class_targets, box_targets, used

    def _read(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        if index in self.refused:
            raise DataError(self.refused[index])
        source = self._dataset.image_source(index)
        # Looking for damage takes time, so each file is looked at once.
        look = self._bad.refuse_damaged and index not in self._sound
        most = self._samples.max_pixels
        found = read_encoded(source, max_pixels=most, refuse_damaged=look)
        self._sound.add(index)
        orientation = self._dataset.orientation(index)
        if orientation == AS_STORED:
            return found
        # DALI's decoders leave the tag alone, so the turned picture is handed over as a bitmap.
        image = turned(decode_image(found[0].tobytes(), source, max_pixels=most), orientation)
        bitmap = cv2.imencode(".bmp", image[..., ::-1])[1].ravel()
        return bitmap, turned_size(found[1], orientation)


def _boxes_unit(dataset: Dataset, index: int, max_pixels: int) -> np.ndarray:
    """float32 (M, 4): the boxes of an image in shares of its width and height, 0 to 1.

    (0, 4) when neither the annotation nor the file gives the size.
    """
    annotation = dataset.annotation(index)
    try:
        height, width = annotation.size_hw or turned_size(
            measure_image(dataset.image_source(index), max_pixels=max_pixels),
            dataset.orientation(index),
        )
    except DataError:
        return np.zeros((0, 4), dtype=np.float32)
    sides = np.array([width, height, width, height], dtype=np.float32)
    return np.clip(annotation.boxes_px / sides, 0, 1).astype(np.float32)


def _keep_objects(draw: TrainDraw, boxes_px: np.ndarray, image_hw: tuple[int, int]) -> TrainDraw:
    """The draw, less its crop if that shows nothing of the image or loses every object.

    DALI's draw avoids both. But rounding to whole pixels can lose a box whose centre lies on the
    edge, a stand-in has other boxes, and without boxes any part of the canvas can be drawn.
    """
    x, y = draw.place_xy
    window, (height, width) = draw.crop, image_hw
    shows_image = (
        window.x < x + width
        and window.x + window.width > x
        and window.y < y + height
        and window.y + window.height > y
    )
    on_canvas = boxes_px + np.array([x, y, x, y], dtype=np.float32)
    keeps_box = len(boxes_px) == 0 or crop_boxes(on_canvas, window)[1].any()
    if shows_image and keeps_box:
        return draw
    return dataclasses.replace(draw, crop=Window(0, 0, draw.canvas_hw[1], draw.canvas_hw[0]))
