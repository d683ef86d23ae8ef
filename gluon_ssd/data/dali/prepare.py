"""All of a DALI batch but its pixels: which images, what is drawn, the files and the targets.

The images are chosen as the native plan does. What is random is drawn by DALI, for the whole batch
of all processes, so that it is the same however many share it. The targets come from the
target maker of the native loader: DALI's box encoder leaves out the bipartite pass and so differs
on some anchors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gluon_ssd.data.augment.crop import Window, crop_boxes
from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.augment.transforms import TrainDraw, transform_boxes
from gluon_ssd.data.dali.draws import Draws, Geometry, geometry, stack_geometries
from gluon_ssd.data.dali.graphs import DrawGraph, PixelInputs
from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.images import measure_image, read_encoded
from gluon_ssd.data.loading.batch_plan import BatchPlan, Share
from gluon_ssd.data.loading.samples import MakesTargets
from gluon_ssd.data.loading.stand_in import Used, use_first_good
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import DataError


@dataclasses.dataclass(frozen=True)
class DaliSamples:
    """What a sample is made of; the counterpart of TrainSamples.

    Attributes:
        input_size_hw: height and width of the network input.
        augmentation: what is random.
        make_targets: (boxes, labels) -> (class targets, box targets).
        mean, std: of the normalisation, RGB, for values in [0, 1].
    """

    input_size_hw: tuple[int, int]
    augmentation: DaliAugmentation
    make_targets: MakesTargets
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD


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


class _Sample(NamedTuple):
    encoded: np.ndarray
    geometry: Geometry
    class_targets: np.ndarray
    box_targets: np.ndarray
    used: Used


class Preparer:
    """Prepares batches in the order of a rollover plan, in the thread that iterates over them.

    Args:
        dataset: the images and their annotations.
        samples: what is made of them.
        batch_size: B, of all processes and parts together.
        seed: of order and augmentation; 0 or more.
        share: what this process gets of a batch, and in how many parts.
        skip_bad: the next image stands in for one that cannot be used.

    Attributes:
        plan: which images make up which batch.
        refused: index -> reason, images that are not to be used though their file is whole.

    Raises:
        DataError: the data set has no images.
        OptionError: an argument is out of its range.
    """

    def __init__(
        self,
        dataset: Dataset,
        samples: DaliSamples,
        *,
        batch_size: int,
        seed: int,
        share: Share,
        skip_bad: bool,
    ) -> None:
        def plan(share: Share) -> BatchPlan:
            return BatchPlan(
                len(dataset),
                batch_size,
                shuffle=True,
                seed=seed,
                last_batch="rollover",
                share=share,
            )

        self.plan = plan(share)
        self._whole_plan = plan(Share())
        self._dataset = dataset
        self._samples = samples
        self._batch_size = batch_size
        self._seed = seed
        self._skip_bad = skip_bad
        self.refused: dict[int, str] = {}

    @property
    def rows(self) -> int:
        """Samples that one part of a batch has."""
        return self._batch_size // self.plan.share.pieces

    def path(self, index: int) -> str:
        """File of an image."""
        return self._dataset.image_path(index)

    def batches(self, epoch: int, first: int) -> Iterator[Prepared]:
        """What is left of an epoch after `first` parts of batches.

        Raises:
            DataError: an image cannot be used; naming the file.
        """
        parts = self.plan.share.parts
        graph = DrawGraph(
            self._samples.augmentation,
            batch_size=self._batch_size,
            seed=_graph_seed(self._seed, epoch),
        )
        for number in range(self.plan.num_batches(epoch)):
            # Also for the batches before the first, which brings the generators to where they were.
            places = self._whole_plan.batch(epoch, number)
            draws = graph.draw([_boxes_unit(self._dataset, place.image) for place in places])
            for part in range(parts):
                if number * parts + part >= first:
                    yield self._prepare(epoch, number, part, draws)

    def _prepare(self, epoch: int, number: int, part: int, draws: Draws) -> Prepared:
        share = self.plan.share
        first = (part * share.world + share.rank) * self.rows
        rows = range(first, first + self.rows)
        places = self.plan.batch(epoch, number, part)
        made = [
            self._sample(place.image, draws, row) for place, row in zip(places, rows, strict=True)
        ]
        start, shape, size, roi, place = stack_geometries([sample.geometry for sample in made])
        drawn = slice(rows.start, rows.stop)
        inputs = PixelInputs(
            encoded=[sample.encoded for sample in made],
            start=start,
            shape=shape,
            size=size,
            roi=roi,
            place=place,
            twist=draws.twist[drawn],
            flip=draws.flip[drawn],
        )
        return Prepared(
            inputs,
            np.stack([sample.class_targets for sample in made]),
            np.stack([sample.box_targets for sample in made]),
            [sample.used for sample in made],
        )

    def _sample(self, index: int, draws: Draws, row: int) -> _Sample:
        if self._skip_bad:
            (encoded, image_hw), used = use_first_good(
                self._read, index, num_images=len(self._dataset)
            )
        else:
            (encoded, image_hw), used = self._read(index), Used(index, ())
        annotation = self._dataset.annotation(used.image)
        draw = _keep_objects(draws.train_draw(row, image_hw), annotation.boxes_px, image_hw)
        boxes, kept = transform_boxes(annotation.boxes_px, draw, self._samples.input_size_hw)
        class_targets, box_targets = self._samples.make_targets(boxes, annotation.labels[kept])
        placed = geometry(draw, image_hw, self._samples.input_size_hw)
        return _Sample(encoded, placed, class_targets, box_targets, used)

    def _read(self, index: int) -> tuple[np.ndarray, tuple[int, int]]:
        if index in self.refused:
            raise DataError(self.refused[index])
        return read_encoded(self.path(index))


def _boxes_unit(dataset: Dataset, index: int) -> np.ndarray:
    """float32 (M, 4): the boxes of an image in shares of its width and height, 0 to 1.

    (0, 4) when neither the annotation nor the file gives the size.
    """
    annotation = dataset.annotation(index)
    try:
        height, width = annotation.size_hw or measure_image(dataset.image_path(index))
    except DataError:
        return np.zeros((0, 4), dtype=np.float32)
    sides = np.array([width, height, width, height], dtype=np.float32)
    return np.clip(annotation.boxes_px / sides, 0, 1).astype(np.float32)


def _graph_seed(seed: int, epoch: int) -> int:
    """A seed of DALI's range, below 2**31, which differs between epochs."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0] >> 1)


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
