"""One row for each picture of a table of detections, also for those that cannot be used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gluon_ssd.errors import SsdError
from gluon_ssd.inference.found import Found
from gluon_ssd.inference.pictures import Given


@dataclass(frozen=True)
class Row:
    """What was found in one picture: K objects, the best score first, which may be none.

    Attributes:
        file: name of the picture.
        width, height: of the picture as a person sees it, px; None when it cannot be used.
        labels: K numbers of classes, from 0.
        names: K names of classes.
        scores: K values in [0, 1].
        boxes_px: K boxes (x_min, y_min, x_max, y_max) in pixels of the picture.
        error: why the picture cannot be used, on one line; else None.
    """

    file: str
    width: int | None = None
    height: int | None = None
    labels: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    boxes_px: tuple[tuple[float, ...], ...] = ()
    error: str | None = None


def row_of(file: str, found: Found) -> Row:
    """The row of a picture of that name; scores and boxes are float32 in Python's float."""
    return Row(
        file=file,
        width=found.size_hw[1],
        height=found.size_hw[0],
        labels=tuple(found.labels.tolist()),
        names=tuple(found.names),
        scores=tuple(found.scores.tolist()),
        boxes_px=tuple(map(tuple, found.boxes_px.tolist())),
    )


def detect_rows(
    stream: Callable[..., Iterator[Found]], pictures: Iterable[tuple[str, Given]], **options: Any
) -> Iterator[Row]:
    """Detect in pictures, and give a row for each of them, in their order.

    Args:
        stream: of a `gluon_ssd.Detector`.
        pictures: name, and a path, address, content of an image file or array: one picture each.
        options: of `stream`, but for `on_bad`.

    Raises:
        OptionError: an option is wrong, or an array lacks what is needed to read it.
    """
    # Pictures that were handed over and have no row yet; a result is that of the first good one.
    waiting: deque[_Handed] = deque()

    def hand_over() -> Iterator[Given]:
        for name, picture in pictures:
            waiting.append(_Handed(name))
            yield picture

    def note(source: str, error: SsdError) -> None:
        # A picture is read before the next one is asked for.
        waiting[-1].error = str(error)

    for found in stream(hand_over(), on_bad=note, **options):
        yield from _bad_ones(waiting)
        yield row_of(waiting.popleft().name, found)
    yield from _bad_ones(waiting)
    assert not waiting, f"no result came for {waiting[0].name}"


@dataclass
class _Handed:
    name: str
    error: str | None = None


def _bad_ones(waiting: deque[_Handed]) -> Iterator[Row]:
    """Take the pictures that cannot be used off the front, and give their rows."""
    while waiting and waiting[0].error is not None:
        bad = waiting.popleft()
        yield Row(bad.name, error=bad.error)
