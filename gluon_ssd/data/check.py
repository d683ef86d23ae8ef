"""What is wrong with a data set, counted by reason, with file names.

The annotations were judged when the data set was opened (`dataset.problems`); this adds what the
image files show. The fast way reads headers and end markers and takes about 0.1 ms an image, so
it runs before every training (what is neither JPEG nor PNG is decoded); the full way decodes every
image and compares contents.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.exif import AS_STORED, orientation_of_file, turned_size
from gluon_ssd.data.image_notes import Note, collected_notes
from gluon_ssd.data.image_source import ImageSource, content_sha1, is_there, name_of
from gluon_ssd.data.images import MAX_PIXELS, measure_image, read_image
from gluon_ssd.data.problems import LABELS_LOST, REASONS, SEE_ALL, Problem
from gluon_ssd.errors import DataError
from gluon_ssd.system.wording import one_line

_EXAMPLES = 3  # files named for each reason in the short report
_ERROR_REASONS = 3  # reasons named in the one-line error
Progress = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        name: kind of data set.
        num_images: images looked at, unreadable ones included.
        num_labels: labels the annotation files hold, dropped ones included.
        problems: every find, annotations first.
        unusable: indices of the images that training must leave out.
    """

    name: str
    num_images: int
    num_labels: int
    problems: tuple[Problem, ...]
    unusable: tuple[int, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Finds by reason, the most frequent first."""
        return dict(Counter(problem.reason for problem in self.problems).most_common())

    @property
    def share_bad(self) -> float:
        """The larger of: bad labels among all labels, bad images among all images; at most 1.

        What was left out of the data set, as images that are listed twice, is not among all images.
        """
        labels = self._count_bad("label") / max(self.num_labels, 1)
        return min(max(labels, self._count_bad("image") / max(self.num_images, 1)), 1.0)

    def _count_bad(self, about: str) -> int:
        # A label or image with two problems is one bad label or image.
        found = [(REASONS[problem.reason], problem) for problem in self.problems]
        bad = {
            about == "image" and problem.image or _place(problem)
            for why, problem in found
            if why.is_bad and why.about == about
        }
        return len(bad)

    def lines(self, examples: int | None = _EXAMPLES) -> list[str]:
        """The report as text: one line in all, then one line a reason with its first files.

        `examples` is how many; None gives every find a line of its own.
        """
        summary = (
            f"{self.name}: {self.num_images} images, {self.num_labels} labels, "
            f"{len(self.unusable)} images unusable, worst share {self.share_bad:.2%}"
        )
        return [summary, *(line for why in self.counts for line in self._about(why, examples))]

    def _about(self, reason: str, examples: int | None) -> Iterator[str]:
        found = [problem for problem in self.problems if problem.reason == reason]
        head = f"  {reason}: {len(found)} ({REASONS[reason].outcome})"
        if examples is None:
            yield head
            for problem in found:
                yield f"    {one_line(problem.file)}: {one_line(problem.detail)}"
            return
        files = list(dict.fromkeys(problem.file for problem in found))
        more = ", ..." if len(files) > examples else ""
        yield f"{head}: {one_line(', '.join(files[:examples]))}{more}"

    def stop_above(self, share: float) -> None:
        """Raise DataError naming the main reasons, if more than `share` is bad."""
        if self.share_bad <= share:
            return
        bad = [reason for reason in self.counts if REASONS[reason].is_bad]
        first = {problem.reason: problem for problem in reversed(self.problems)}
        named = "; ".join(
            f"{reason} {self.counts[reason]}x, first in {first[reason].file}"
            # Other reasons say all by themselves; of this one there are many kinds.
            + (f" ({one_line(first[reason].detail)})" if reason == "broken annotation" else "")
            for reason in bad[:_ERROR_REASONS]
        )
        raise DataError(
            f"{self.share_bad:.2%} of the {self.name} data is bad, allowed is {share:.2%}: "
            f"{named}; see all with {SEE_ALL}, mend the files or allow a larger share",
            settings=("max_bad_share",),
        )


def check_dataset(
    dataset: ListedDataset,
    *,
    read_images: bool = False,
    progress: Progress | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Report:
    """Check the image files of a data set, and add the problems of its annotations.

    Broken images are counted, not raised.

    Args:
        dataset: the data set.
        read_images: decode every image and compare contents, instead of headers and end markers.
        progress: wraps the iterator over the images, to show a bar; called in this thread.
        max_pixels: of an image; a larger one is found by its header and is unusable.
    """
    problems = list(dataset.problems)
    lost = {_place(problem) for problem in problems if problem.reason in LABELS_LOST}
    num_labels = len(lost)
    unusable = []
    first_with: dict[str, int] = {}
    for index, look in enumerate(_look_at_images(dataset, read_images, progress, max_pixels)):
        source, annotation = dataset.image_source(index), dataset.annotation(index)
        path = name_of(source)
        num_labels += len(annotation.labels)
        size_hw = look.size_hw and turned_size(look.size_hw, dataset.orientation(index))
        problem = look.problem or _compare_sizes(source, size_hw, annotation.size_hw)
        if problem is not None:
            problems.append(problem)
            unusable.append(index)
        problems += [Problem(note.reason, path, note.message, path) for note in look.notes]
        first = first_with.setdefault(look.digest or os.path.abspath(path), index)
        if first != index:
            # Listing a picture more often is a way to train on it more often.
            is_listed = dataset.image_path(first) == path
            reason = "listed again" if is_listed else "same picture again"
            detail = f"same as {dataset.image_path(first)}"
            problems.append(Problem(reason, path, detail, path))
    return Report(dataset.name, len(dataset), num_labels, tuple(problems), tuple(unusable))


class _Look(NamedTuple):
    """What an image file shows; digest only where its whole content was read."""

    size_hw: tuple[int, int] | None = None
    digest: str | None = None
    problem: Problem | None = None
    notes: tuple[Note, ...] = ()


def _look_at_images(
    dataset: ListedDataset, read_images: bool, progress: Progress | None, max_pixels: int
) -> Iterator[_Look]:
    sources = [dataset.image_source(index) for index in range(len(dataset))]
    # OpenCV decodes outside Python's lock, so threads use all cores; headers are too quick for it.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        look = functools.partial(_look_at, read=read_images, max_pixels=max_pixels)
        looks = pool.map(look, sources) if read_images else map(look, sources)
        yield from (progress(looks) if progress else looks)


def _look_at(source: ImageSource, read: bool, max_pixels: int) -> _Look:
    try:
        if not read:
            return _Look(measure_image(source, max_pixels=max_pixels))
        with collected_notes() as notes:
            height, width = read_image(source, max_pixels=max_pixels).shape[:2]
        return _Look((height, width), content_sha1(source), notes=tuple(notes))
    except DataError as error:
        reason = "unreadable image" if is_there(source) else "missing image"
        path = name_of(source)
        return _Look(problem=Problem(reason, path, str(error), path))


def _compare_sizes(
    source: ImageSource, size_hw: tuple[int, int] | None, declared_hw: tuple[int, int] | None
) -> Problem | None:
    if size_hw is None or declared_hw is None or declared_hw == size_hw:
        return None
    height, width = declared_hw
    detail = f"annotated as {width}x{height}, the image has {size_hw[1]}x{size_hw[0]} pixels"
    if (orientation := orientation_of_file(source)) != AS_STORED:
        detail += f" and the EXIF orientation {orientation}"
    path = name_of(source)
    return Problem("image size mismatch", path, detail, path)


def _place(problem: Problem) -> tuple[str, str]:
    """File and object of a problem, for counting each label once."""
    return problem.file, problem.detail.partition(":")[0]
