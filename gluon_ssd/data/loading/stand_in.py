"""Use the next image in place of one whose file cannot be used, where bad images are skipped.

The batch stays full and every other sample stays what it was. The log names each bad file once, and
every use of it is counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from gluon_ssd.errors import DataError

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

# So many bad files in a row mean that a disk is gone, or the path is wrong.
_MOST_IN_A_ROW = 50


class BadImage(NamedTuple):
    """An image that was skipped: its position in the data set, and what is wrong, with its file."""

    image: int
    message: str


class Used(NamedTuple):
    """The image that was used in the end, and those before it that could not be."""

    image: int
    skipped: tuple[BadImage, ...]


def use_first_good(
    use: Callable[[int], Result], index: int, *, num_images: int, skip_bad: bool = True
) -> tuple[Result, Used]:
    """Call `use` with an index, and with the ones after it as long as that raises DataError.

    Without `skip_bad` the first DataError stands.

    Raises:
        DataError: none of many images in a row can be used.
    """
    if not skip_bad:
        return use(index), Used(index, ())
    skipped: list[BadImage] = []
    for step in range(min(num_images, _MOST_IN_A_ROW)):
        candidate = (index + step) % num_images
        try:
            return use(candidate), Used(candidate, tuple(skipped))
        except DataError as error:
            skipped.append(BadImage(candidate, str(error)))
    raise DataError(f"{len(skipped)} images in a row cannot be used; {skipped[0].message}")


class SkipCount:
    """Names each skipped image in the log, once, and counts."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    @property
    def times(self) -> int:
        """How often an image was skipped."""
        return self._counts.total()

    @property
    def num_images(self) -> int:
        """How many different images were skipped."""
        return len(self._counts)

    def summary(self) -> str:
        """The counts as a phrase."""
        return f"{self.num_images} unusable images were skipped, {self.times} times in all"

    def add(self, skipped: Iterable[BadImage]) -> None:
        """Count some more."""
        for bad in skipped:
            if bad.image not in self._counts:
                _log.warning("skipped: %s", bad.message)
            self._counts[bad.image] += 1
