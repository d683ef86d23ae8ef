"""What becomes of an image whose file cannot be used, or is odd.

In training the next image stands in for it, where bad images are skipped: the batch stays full and
every other sample stays what it was. In an evaluation it is left out, since no image may count
twice. The log names each such file once, and every use of it is counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from gluon_ssd.data.image_notes import Note
from gluon_ssd.errors import DataError

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

# So many bad files in a row mean that a disk is gone, or the path is wrong.
_MOST_IN_A_ROW = 50


class BadImages(NamedTuple):
    """What is done about bad images; without any of these the first one is an error.

    Attributes:
        stand_in: the next image is used in place of one that cannot be.
        leave_out: one that cannot be used is left out.
        refuse_damaged: an image that is damaged but can be decoded counts as one that cannot be
            used; else it is used and counted.
    """

    stand_in: bool = False
    leave_out: bool = False
    refuse_damaged: bool = False


def rule_of(said: str | None, *, leave_out: bool) -> BadImages:
    """The rule that a user names.

    Args:
        said: "error", "skip", or None for the usual: what cannot be read is an error, what is
            damaged is used and counted.
        leave_out: no image may stand in for another one, as where a score is computed.
    """
    skip = said == "skip"
    return BadImages(skip and not leave_out, skip and leave_out, refuse_damaged=said is not None)


class BadImage(NamedTuple):
    """An image that was skipped: its position in the data set, and what is wrong, with its file."""

    image: int
    message: str


class OddImage(NamedTuple):
    """An image that was used, though there is something to say about it."""

    image: int
    note: Note


class Used(NamedTuple):
    """The image that was used in the end, those before it that could not be, and what is odd.

    `image` is below 0, and ~image its position, where the image was left out.
    """

    image: int
    skipped: tuple[BadImage, ...]
    odd: tuple[OddImage, ...] = ()


def use_or_leave_out(use: Callable[[int], Result], index: int) -> tuple[Result | None, Used]:
    """Call `use` with an index; None where that raises DataError."""
    try:
        return use(index), Used(index, ())
    except DataError as error:
        return None, Used(~index, (BadImage(index, str(error)),))


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
    """Names each skipped or odd image in the log, once, and counts."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._odd: set[tuple[str, int]] = set()

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

    def tell(self, where: str) -> None:
        """Log the counts that are not 0, with what the images belong to."""
        if self._counts:
            _log.warning("%s: %s", where, self.summary())
        for reason, count in sorted(Counter(reason for reason, _ in self._odd).items()):
            _log.warning("%s: %s: %d, used all the same", where, reason, count)

    def add(self, skipped: Iterable[BadImage]) -> None:
        """Count some more."""
        for bad in skipped:
            if bad.image not in self._counts:
                _log.warning("skipped: %s", bad.message)
            self._counts[bad.image] += 1

    def add_odd(self, odd: Iterable[OddImage]) -> None:
        """Count images that were used all the same, each once for a reason."""
        for image, note in odd:
            if (note.reason, image) not in self._odd:
                self._odd.add((note.reason, image))
                _log.warning("%s", note.message)

    def add_used(self, used: Used) -> None:
        """Count what is to be said of an image that was used."""
        self.add(used.skipped)
        self.add_odd(used.odd)
