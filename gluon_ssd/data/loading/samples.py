"""Make the named arrays of one sample from item i of a data set: what a data worker computes.

A sample maker is a callable (data set, index, random generator) -> {name: array} with a `spec`
{name: (shape, dtype)}, by which the loader lays out its batches. Both makers here hold numbers and
arrays only, so that they can be sent to workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gluon_ssd.data.augment.augmented import augmented
from gluon_ssd.data.augment.settings import Augmentation, StepAugmentation
from gluon_ssd.data.augment.transforms import eval_transform
from gluon_ssd.data.dataset import Dataset
from gluon_ssd.data.images import MAX_PIXELS
from gluon_ssd.data.orientations import read_turned
from gluon_ssd.detection.boxes import resize_boxes
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.matching import MakesTargets

Spec = dict[str, tuple[tuple[int, ...], Any]]


class SampleMaker(Protocol):
    """What a Loader asks for: the layout of a sample, and one sample."""

    @property
    def spec(self) -> Spec:
        """{name: (shape, dtype)} of what the call returns."""
        ...

    def __call__(
        self, dataset: Dataset, index: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """The arrays of item `index`."""
        ...


@dataclass(frozen=True)
class TrainSamples:
    """Augmented image and its training targets.

    Difficult objects are trained on, as in the legacy recipe; so are crowd boxes, where the data
    set lists them. An image without objects gives all-background targets.
    """

    input_format: InputFormat
    augmentation: Augmentation | StepAugmentation
    make_targets: MakesTargets
    max_pixels: int = MAX_PIXELS

    @property
    def spec(self) -> Spec:
        """image (3, H, W) float32, class_targets (A,) int32, box_targets (A, 4) float32."""
        image = ((3, *self.input_format.size_hw), np.float32)
        return {"image": image, **_target_spec(self.make_targets)}

    def __call__(
        self, dataset: Dataset, index: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """One training sample. Raises DataError naming an image that cannot be read."""
        return self.with_targets(*self.augmented(dataset, index, rng))

    def augmented(
        self, dataset: Dataset, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Image, boxes and labels of an item after augmentation; see `train_transform`."""
        annotation = dataset.annotation(index)
        return augmented(
            _read(dataset, index, self.max_pixels),
            annotation.boxes_px,
            annotation.labels,
            input_format=self.input_format,
            rng=rng,
            augmentation=self.augmentation,
        )

    def with_targets(
        self, pixels: np.ndarray, boxes_px: np.ndarray, labels: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The sample of an augmented image."""
        class_targets, box_targets = self.make_targets(boxes_px, labels)
        return {"image": pixels, "class_targets": class_targets, "box_targets": box_targets}


@dataclass(frozen=True)
class EvalSamples:
    """Resized and normalised image, and the size it had; with targets where they are asked for."""

    input_format: InputFormat
    max_pixels: int = MAX_PIXELS
    make_targets: MakesTargets | None = None

    @property
    def spec(self) -> Spec:
        """image (3, H, W) float32, size_hw (2,) int32: height and width of the image.

        With `make_targets` also the targets, as `TrainSamples` has them.
        """
        spec: Spec = {
            "image": ((3, *self.input_format.size_hw), np.float32),
            "size_hw": ((2,), np.int32),
        }
        return spec if self.make_targets is None else {**spec, **_target_spec(self.make_targets)}

    def __call__(
        self, dataset: Dataset, index: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """One evaluation sample; `rng` is not used. Raises DataError naming an unreadable image."""
        image = _read(dataset, index, self.max_pixels)
        pixels = eval_transform(image, self.input_format)
        size_hw = (image.shape[0], image.shape[1])
        sample = {"image": pixels, "size_hw": np.array(size_hw, dtype=np.int32)}
        if self.make_targets is None:
            return sample
        annotation = dataset.annotation(index)
        boxes = resize_boxes(annotation.boxes_px, size_hw, self.input_format.size_hw)
        # What augmentation drops before it comes to targets.
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        class_targets, box_targets = self.make_targets(boxes[has_area], annotation.labels[has_area])
        return {**sample, "class_targets": class_targets, "box_targets": box_targets}


def _target_spec(make_targets: MakesTargets) -> Spec:
    class_targets, box_targets = make_targets(np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    return {
        "class_targets": (class_targets.shape, np.int32),
        "box_targets": (box_targets.shape, np.float32),
    }


def _read(dataset: Dataset, index: int, max_pixels: int) -> np.ndarray:
    source, orientation = dataset.image_source(index), dataset.orientation(index)
    return read_turned(source, orientation, max_pixels=max_pixels)
