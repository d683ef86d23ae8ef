"""Write a data set in another form: whole, beside its place, and compared with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gluon_ssd.data.convert.job import Job
from gluon_ssd.data.convert.losses import loss_lines
from gluon_ssd.data.convert.part import Part
from gluon_ssd.data.convert.proof import compare
from gluon_ssd.data.convert.targets import TARGETS
from gluon_ssd.errors import DataError
from gluon_ssd.system.new_folder import new_folder


class Wish(NamedTuple):
    """How to write.

    form: a key of TARGETS. link: make links to image files instead of copies. edge_px: what the
    width of a COCO box has above x_max - x_min, unless the source is COCO JSON and has told.
    """

    form: str
    link: bool = False
    edge_px: int = 1


def refuse_full(folder: Path) -> None:
    """Raise DataError unless a folder is absent or empty."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise DataError(f"{folder} is no folder; name another one", settings=("target",))
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(
            f"the folder {folder} is not empty; name another one, or remove that one first",
            settings=("target",),
        )


def convert(
    parts: Sequence[Part],
    folder: Path,
    wish: Wish,
    *,
    step: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """Write splits into a new folder, which stands there when they are whole.

    Args:
        parts: the splits, with the same classes.
        folder: absent or empty.
        wish: how.
        step: called after each image.

    Yields:
        What was written, what the form cannot hold, and how near it comes when it is read back.

    Raises:
        DataError: an image file cannot be read, or the folder is not empty.
        EnvironmentProblem: the folder cannot be written.
    """
    refuse_full(folder)
    target = TARGETS[wish.form]
    told = next((part.dataset.coco_file for part in parts if part.dataset.coco_file), None)
    edge_px = told.edge_px if told else wish.edge_px
    with new_folder(folder) as temporary:
        job = Job(temporary, parts[0].classes, link=wish.link, edge_px=edge_px, step=step)
        target.write(job, parts)
        difference = compare(job, target, parts)
    for part in parts:
        labels = sum(len(part.dataset.annotation(i).labels) for i in range(len(part)))
        yield (
            f"{part.name}: {len(part)} images, {labels} boxes of {len(part.classes)} classes as "
            f"{target.name} in {folder}"
        )
    if job.renamed:
        yield f"{job.renamed} images have other names than in the source, to stay apart"
    yield from loss_lines(target, parts, edge_px=edge_px)
    yield from difference.lines()
