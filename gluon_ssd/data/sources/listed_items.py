"""Turn the pictures that a data set lists into items: boxes of pixels, or of fractions, cleaned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from gluon_ssd.data.dataset import ListedItem, RawObject, Selection, clean_objects
from gluon_ssd.data.exif import SWAPS_SIDES, orientation_of_file, turned_size
from gluon_ssd.data.image_source import ImageSource
from gluon_ssd.data.images import size_of_file
from gluon_ssd.data.problems import Problem


class Listed(NamedTuple):
    """One picture as a data set lists it, before its objects are cleaned.

    Attributes:
        path, image_id: of the picture; where it lies inside a larger file, its place there.
        file: the annotation file, for problems.
        objects: corners in pixels, or as fractions.
        size_hw: (height, width) as the annotations declare it.
        problems: found so far.
    """

    path: ImageSource
    image_id: str | int
    file: str
    objects: Sequence[RawObject]
    size_hw: tuple[int, int] | None = None
    problems: tuple[Problem, ...] = ()


def item_of_fractions(
    found: Listed, labels_by_name: dict[str, int], selection: Selection
) -> ListedItem:
    """An image whose boxes are fractions, cleaned and in pixels.

    A fraction does not tell whether it was drawn on a photo as stored or on the upright one: a
    declared size does that is one of the two, and else `selection.exif`. Any other declared size is
    passed over, since pictures are made smaller without their fractions. A picture that cannot be
    read gives no size and has no objects; the check of the data set leaves it out.
    """
    stored_hw = size_of_file(found.path)
    if stored_hw is None:
        return item_of_pixels(found._replace(objects=()), labels_by_name, selection)
    tag = orientation_of_file(found.path)
    turned_hw = turned_size(stored_hw, tag)
    is_told = turned_hw != stored_hw and found.size_hw in (stored_hw, turned_hw)
    size_hw = turned_hw if selection.exif == "apply" else stored_hw
    height, width = (found.size_hw if is_told else None) or size_hw
    scaled = [
        item._replace(
            box=(
                item.box[0] * width,
                item.box[1] * height,
                item.box[2] * width,
                item.box[3] * height,
            )
        )
        for item in found.objects
    ]
    item = item_of_pixels(
        found._replace(objects=scaled, size_hw=(height, width)), labels_by_name, selection
    )
    if is_told or tag < SWAPS_SIDES:
        return item
    # The size was chosen by option, and tells nothing about how the boxes were drawn.
    return item._replace(annotation=replace(item.annotation, size_hw=None))


def item_of_pixels(
    found: Listed, labels_by_name: dict[str, int], selection: Selection
) -> ListedItem:
    """An image whose boxes are pixels, cleaned; right and lower edges may reach the image's."""
    annotation, problems = clean_objects(
        found.objects,
        labels_by_name=labels_by_name,
        size_hw=found.size_hw,
        edge=0,
        file=found.file,
        others=selection.other_labels,
    )
    problems = [*found.problems, *problems]
    return ListedItem(found.path, found.image_id, annotation, tuple(problems))


def id_of(path: str, top: str | os.PathLike[str]) -> str:
    """What a picture is called: its path below the data set."""
    return os.path.relpath(path, top).replace(os.sep, "/")
