"""Which photos of a data set were labelled upright, where their files say how to turn them.

Some labelling programs draw boxes on a photo as it is stored, others on the turned one. Where
turning exchanges the sides, the size in the annotation tells; else an option decides. It is judged
once, when a data set is opened, and the data set carries the answer to whoever reads its images.
"""

from __future__ import annotations

import logging

import numpy as np

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.exif import AS_STORED, SWAPS_SIDES, orientation_of_file, turned, turned_size
from gluon_ssd.data.image_source import ImageSource
from gluon_ssd.data.images import MAX_PIXELS, image_size, read_image
from gluon_ssd.data.problems import Problem
from gluon_ssd.errors import DataError, OptionError

_log = logging.getLogger(__name__)


def read_turned(
    source: ImageSource, orientation: int, *, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Read an image of a data set as its boxes were drawn; else as `read_image`."""
    image = read_image(source, max_pixels=max_pixels)
    return image if orientation == AS_STORED else turned(image, orientation)


def size_without_doubt(source: ImageSource) -> tuple[int, int] | None:
    """(height, width) of a file whose annotation gives none.

    None where the file cannot be used, or where it depends on whether the photo is to be turned.
    """
    if orientation_of_file(source) >= SWAPS_SIDES:
        return None
    try:
        return image_size(source)
    except DataError:
        return None


def settle_orientations(dataset: ListedDataset, exif: str) -> ListedDataset:
    """Judge for every photo with an EXIF orientation whether its boxes were drawn upright.

    Args:
        dataset: opened; its images are looked at, their headers alone.
        exif: "apply" or "ignore", for the photos whose declared size does not tell.

    Returns:
        The data set with the orientations to turn by; as it is, if it was judged before. Every
        such photo is among its problems, none of which is bad; one warning tells of those that the
        option decided.

    Raises:
        OptionError: `exif` is another word.
    """
    if exif not in ("apply", "ignore"):
        raise OptionError(f"exif must be apply or ignore; got {exif!r}", settings=("exif",))
    if dataset.is_oriented:
        return dataset
    orientations, problems = {}, {}
    unsure = []
    for index in range(len(dataset)):
        source = dataset.image_source(index)
        tag = orientation_of_file(source)
        if tag == AS_STORED:
            continue
        is_told = _told_by_size(source, tag, dataset.annotation(index).size_hw)
        if is_told is None:
            unsure.append(dataset.image_path(index))
        is_upright = exif == "apply" if is_told is None else is_told
        if is_upright:
            orientations[index] = tag
        reason = "EXIF orientation applied" if is_upright else "EXIF orientation ignored"
        by = "by option" if is_told is None else "by the annotated size"
        problems[index] = Problem(reason, dataset.image_path(index), f"orientation {tag}, {by}")
    if unsure:
        _log.warning(
            "%s: %d photos have an EXIF orientation, and no annotated size tells whether their "
            "boxes were drawn on the upright picture; %s (exif %s); the first is %s",
            dataset.name,
            len(unsure),
            "they are turned upright" if exif == "apply" else "they are taken as stored",
            exif,
            unsure[0],
        )
    return dataset.with_orientations(orientations, problems)


def _told_by_size(
    source: ImageSource, tag: int, declared_hw: tuple[int, int] | None
) -> bool | None:
    """Whether boxes were drawn upright, by the size that their annotation gives; None if unsure."""
    if tag < SWAPS_SIDES or declared_hw is None or declared_hw[0] == declared_hw[1]:
        return None
    try:
        stored_hw = image_size(source)
    except DataError:
        return None
    if declared_hw == stored_hw:
        return False
    return True if declared_hw == turned_size(stored_hw, tag) else None
