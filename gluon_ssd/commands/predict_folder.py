"""Options -> a table of what is in the images of a folder: every file counted, and resumable."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.api import Detector
from gluon_ssd.commands.wiring.exported import deployed_model
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.images import IMAGE_SUFFIXES
from gluon_ssd.deploy.mxnet.model_files import files_behind
from gluon_ssd.errors import DataError
from gluon_ssd.inference.pictures import Limits
from gluon_ssd.inference.tables.part_folder import FORMATS, PartFolder, open_parts
from gluon_ssd.inference.tables.rows import Row, detect_rows
from gluon_ssd.options.predict import PredictCommand
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.signals import StopRequest, listening

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """Every file below a folder, by its path from there with / between the parts, sorted.

    Attributes:
        images: name in the table -> the file. Bytes that are no UTF-8 are spelled as \\xff.
        others: number of files that are no images by their ending.
    """

    images: dict[str, Path]
    others: int


def list_images(folder: str | os.PathLike[str], *, without: Path) -> Listing:
    """List a folder and the folders in it, leaving out one of them.

    Links to files are followed, those to folders are not.

    Raises:
        DataError: it is no folder, a folder cannot be read, or there is no image.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError(f"there is no folder {root}", settings=("images",))

    def refuse(error: OSError) -> None:
        reason = error.strerror or error
        raise DataError(f"cannot read the folder {error.filename}: {reason}; change its rights")

    images: dict[str, Path] = {}
    others = 0
    for place, folders, files in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not _is_same(Path(place, name), without)]
        for name in files:
            path = Path(place, name)
            if path.suffix.lower() in IMAGE_SUFFIXES:
                text = os.fsencode(path.relative_to(root).as_posix())
                images[text.decode("utf-8", "backslashreplace")] = path
            else:
                others += 1
    if not images:
        raise DataError(
            f"the folder {root} holds no image; looked for {', '.join(IMAGE_SUFFIXES)}",
            settings=("images",),
        )
    return Listing(dict(sorted(images.items())), others)


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def predict_folder(command: PredictCommand) -> Iterator[str]:
    """Detect in every image of a folder; yields the summary to print.

    An image that cannot be used is logged, and has a row that says why.

    Raises:
        DataError: the folder cannot be used; or, at the very end, some of its images.
        Interrupted: a signal came; what was done by then is in the table.
        OptionError: the table there is of another model, folder or threshold.
    """
    FORMATS[command.format].check()
    output = Path(command.output).expanduser()
    listing = list_images(command.images, without=output)
    names = read_classes_file(command.classes) if command.classes else None
    model = deployed_model(
        command.model_prefix, command.input_size_hw, device=command.device, runtime=command
    )
    detector = Detector(model, classes=names)
    if not detector.classes:
        _log.warning("the model does not carry class names; give them with --classes FILE")
    with open_parts(output, command.format, _facts(command, detector)) as parts:
        _detect_rest(command, detector, listing, parts)
        yield from _summary(listing, parts)


def _facts(command: PredictCommand, detector: Detector) -> dict[str, Any]:
    """What rows depend on: a run goes on only with the same."""
    return {
        "images": str(Path(command.images).expanduser().resolve()),
        "model": ", ".join(_digests(command.model_prefix)),
        "thresh": command.threshold,
        "classes": list(detector.classes),
        "input_size_hw": list(detector.input_size_hw),
    }


def _digests(prefix: str) -> Iterator[str]:
    """Name and start of the SHA-256 of each file of a detector."""
    prefix = os.path.expanduser(prefix)
    start = prefix.removesuffix(".xml").removesuffix(".bin")
    endings = ("", ".onnx", ".xml", ".bin")
    files = [*(Path(start + ending) for ending in endings), *files_behind(prefix)]
    for path in dict.fromkeys(files):
        if path.is_file():
            with open(path, "rb") as file:
                yield f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def _detect_rest(
    command: PredictCommand, detector: Detector, listing: Listing, parts: PartFolder
) -> None:
    """Detect in the images that have no row yet, and write part after part."""
    rest = [(name, path) for name, path in listing.images.items() if name not in parts.done]
    if not rest:
        return
    before, total = len(listing.images) - len(rest), len(listing.images)
    if before:
        _log.info("%d of %d images are done already", before, total)
    limits = Limits(max_pixels=command.max_pixels)
    options = {"threshold": command.threshold, "batch_size": command.batch_size, "limits": limits}
    with (
        progress_bar(total=total, unit="img", description="detect", initial=before) as bar,
        listening() as stop,
    ):
        part: list[Row] = []
        for row in detect_rows(detector.stream, _until(stop, rest), **options):
            part.append(row)
            bar.update()
            if row.error is not None:
                _log.error("%s", row.error)
            if len(part) == command.part_files:
                parts.write(part)
                part = []
        parts.write(part)
        stop.leave(f"with {bar.n} of {total} images done; the same command goes on from there")


def _until(stop: StopRequest, pictures: list[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    """The pictures, up to a signal that asks to stop."""
    for picture in pictures:
        if stop.signal_number is not None:
            return
        yield picture


def _summary(listing: Listing, parts: PartFolder) -> Iterator[str]:
    tally = parts.tally
    gone = tally.total - len(listing.images)
    yield (
        f"{len(listing.images) + listing.others} files: {tally.with_objects} images with objects, "
        f"{tally.without_objects} without, {tally.unusable} that cannot be used, "
        f"{listing.others} files that are no images by their ending"
    )
    if gone:
        yield f"{gone} of the images are in the table alone: their files are gone"
    yield f"the table of {tally.total} rows is in {parts.folder}"
    if tally.unusable:
        raise DataError(
            f"{tally.unusable} of {tally.total} images cannot be used; the column error of their "
            "rows says why"
        )
