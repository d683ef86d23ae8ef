"""Where the demo's pictures come from: image files, folders of them, and videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gluon_ssd.data.images import IMAGE_SUFFIXES, LEAVE_OUT, MAX_PIXELS, read_image
from gluon_ssd.data.videos import VIDEO_SUFFIXES, count_frames, read_frames
from gluon_ssd.errors import DataError

_SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)


class Picture(NamedTuple):
    """One picture. name: unique, for its output file; frame: number in a video, else None."""

    name: str
    source: str
    frame: int | None
    image: np.ndarray  # uint8 (H, W, 3), RGB


def list_sources(text: str) -> list[Path]:
    """Files named by ``--images``: a comma list of images, videos and folders, in order.

    Raises:
        DataError: a path does not exist, is of no known kind, or a folder holds no picture.
    """
    sources: list[Path] = []
    for part in (piece.strip() for piece in text.split(",") if piece.strip()):
        path = Path(part).expanduser()
        if path.is_dir():
            inside = [child for child in sorted(path.iterdir()) if _is_known(child)]
            if not inside:
                raise DataError(
                    f"the folder {path} holds no picture; looked for {', '.join(_SUFFIXES)}"
                )
            sources += inside
        elif not path.exists():
            raise DataError(f"there is no file or folder {path}; check the name")
        elif not _is_known(path):
            raise DataError(
                f"{path} is neither an image nor a video by its ending; allowed are "
                f"{', '.join(_SUFFIXES)}"
            )
        else:
            sources.append(path)
    if not sources:
        raise DataError("--images names no file; give images, folders or videos")
    return sources


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its ending."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES


def read_pictures(
    sources: Sequence[Path],
    *,
    on_bad: Callable[[DataError], None],
    every: int = 1,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Picture]:
    """Decode one picture after the other, photos upright; of a video every `every`-th frame.

    `on_bad` is told of every image or video that cannot be decoded, or has more than `max_pixels`;
    the next one follows.
    """
    taken: set[str] = set()
    for path in sources:
        name = _unique(path, taken)
        try:
            if is_video(path):
                for number, image in read_frames(str(path), every=every, max_pixels=max_pixels):
                    yield Picture(f"{name}_{number:06d}", str(path), number, image)
            else:
                pixels = read_image(path, upright=True, max_pixels=max_pixels, advice=LEAVE_OUT)
                yield Picture(name, str(path), None, pixels)
        except DataError as error:
            on_bad(error)


def count_pictures(sources: Sequence[Path], every: int = 1) -> int | None:
    """How many pictures to expect of the sources, by the headers of the videos.

    None where a header does not say the length. It is an estimate in any case, for the time left.
    """
    videos = [path for path in sources if is_video(path)]
    frames = [count_frames(str(path)) for path in videos]
    if any(count <= 0 for count in frames):
        return None
    return len(sources) - len(videos) + sum(-(-count // every) for count in frames)


def _unique(path: Path, taken: set[str]) -> str:
    """The file's stem, numbered when several sources share it."""
    name, number = path.stem, 1
    while name in taken:
        number += 1
        name = f"{path.stem}-{number}"
    taken.add(name)
    return name
