"""What a form of data sets cannot hold of one, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gluon_ssd.data.convert.part import Item, Part
from gluon_ssd.data.convert.targets import Target
from gluon_ssd.data.exif import AS_STORED, SWAPS_SIDES, orientation_of_file


def loss_lines(target: Target, parts: Sequence[Part], *, edge_px: int) -> Iterator[str]:
    """One line for each kind of thing that is lost, none for what is kept.

    Args:
        target: the form.
        parts: the splits that were written.
        edge_px: what the width of a COCO box has above x_max - x_min.
    """
    found = [part.dataset.annotation(i) for part in parts for i in range(len(part))]
    difficult = sum(int(each.difficult.sum()) for each in found)
    if difficult and not target.holds_difficult:
        yield f"{_counted(difficult, 'difficult flag')} lost: {target.name} has none"
    crowd = sum(int(each.crowd.sum()) for each in found)
    if crowd and not target.holds_crowd:
        yield f"{_counted(crowd, 'crowd flag')} lost, the boxes are kept: {target.name} has none"
    areas = sum(_own_areas(each.coco) for each in found if each.coco is not None)
    if areas and not target.holds_area:
        yield (
            f"{_counted(areas, 'area')} lost that are not width times height: {target.name} has "
            "none"
        )
    if any(part.dataset.coco_file for part in parts):
        yield "segmentations, keypoints and captions of COCO are not read, and not written"
    empty = sum(len(each.labels) == 0 for each in found)
    if empty and target.needs_objects:
        yield (
            f"{_counted(empty, 'image')} without objects: {target.needs_objects} refuse such "
            "records, this project reads them"
        )
    turned = sum(needs_option(target, part, i) for part in parts for i in range(len(part)))
    if turned:
        yield (
            f"{_counted(turned, 'photo')} with boxes on the upright picture, which {target.name} "
            "cannot say: open the target with --exif apply"
        )
        if not target.holds_size and (stored := sum(map(_as_stored, parts))):
            yield (
                f"{_counted(stored, 'photo')} with an EXIF orientation and boxes on the picture as "
                "stored, which are read wrongly with it"
            )
    cut = sum(_beyond(item, edge_px) for part in parts for item in part.items())
    if target.layout == "coco" and cut:
        yield (
            f"{_counted(cut, 'box', 'boxes')} at the right or lower edge end a pixel before it: "
            "GluonCV reads COCO so; --edge-px 0 keeps them"
        )
    if target.layout == "coco" and edge_px == 0:
        yield (
            "widths are x_max - x_min, as most tools and the networks of NVIDIA and MLPerf read "
            "them; those of GluonCV read boxes that are a pixel smaller"
        )


def _counted(count: int, noun: str, several: str = "") -> str:
    return f"{count} {noun if count == 1 else several or f'{noun}s'}"


def _beyond(item: Item, edge_px: int) -> int:
    """How many boxes would reach beyond the picture with the added pixel."""
    if item.annotation.coco is not None:
        return 0
    height, width = item.size_hw
    return int((item.annotation.boxes_px[:, 2:] + edge_px > (width, height)).any(axis=1).sum())


def _own_areas(rows: np.ndarray) -> int:
    """How many areas are not those of the box."""
    return int((~np.isclose(rows[:, 4], rows[:, 2] * rows[:, 3], rtol=1e-6, atol=1e-3)).sum())


def _as_stored(part: Part) -> int:
    """How many photos have an EXIF orientation, and boxes on the picture as it is stored."""
    return sum(
        part.dataset.orientation(index) == AS_STORED
        and orientation_of_file(part.dataset.image_source(index)) != AS_STORED
        for index in range(len(part))
    )


def needs_option(target: Target, part: Part, index: int) -> bool:
    """Whether the boxes of an image fit its upright picture, and the form cannot say so."""
    orientation = part.dataset.orientation(index)
    if orientation == AS_STORED:
        return False
    size_hw = part.dataset.annotation(index).size_hw
    is_square = size_hw is not None and size_hw[0] == size_hw[1]
    return not target.holds_size or orientation < SWAPS_SIDES or is_square
