"""From anything that holds pictures to the pictures, one after the other, in order."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.images import (
    IMAGE_SUFFIXES,
    LEAVE_OUT,
    MAX_PIXELS,
    decode_image,
    read_image,
)
from gluon_ssd.data.videos import VIDEO_SUFFIXES, read_frames
from gluon_ssd.errors import DataError, OptionError, SsdError
from gluon_ssd.inference.array_pictures import rgb_of_array
from gluon_ssd.system.address import shown

Pixels = NDArray[np.uint8]
Given: TypeAlias = Any
"""A path, folder, glob, address, content of an image file, array, number of a camera, or an
iterable of these, nested as one likes."""
OnBad = Callable[[str, SsdError], None]
"""Called with the name of what cannot be used, and why."""

_SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
_WEB = ("http://", "https://")
_CAMERAS = ("rtsp://", "rtmp://")
_ALLOWED = (
    "a path, a folder, a glob, an http(s) address, the bytes of an image file, a uint8 array "
    "(H, W, 3), the number of a camera, or a list of these"
)


@dataclass(frozen=True)
class Limits:
    """What one picture may cost; more is refused.

    Attributes:
        max_bytes: of what an address sends.
        max_seconds: for all of it to arrive.
        max_pixels: of a picture or a frame, told by its header, before it is decoded.
    """

    max_bytes: int = 64 << 20
    max_seconds: float = 30.0
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        source: the path or address it is from, or what it is, in words.
        frame: its number in a video or of a camera, from 0; else None.
        pixels: uint8 (H, W, 3), RGB, upright.
        read_again: gives the same pixels once more; None where that is not possible.
        is_live: whether the next one is still to be seen by a camera.
    """

    source: str
    frame: int | None
    pixels: Pixels
    read_again: Callable[[], Pixels] | None
    is_live: bool = False


@dataclass(frozen=True)
class Reader:
    """Reads pictures of anything that holds them.

    Attributes:
        color: "rgb" or "bgr", the order of the channels of arrays; empty where there are none.
        every: of videos and cameras, take one frame in so many.
        limits: what one picture may cost.
        on_bad: told of what cannot be used, which is then left out; None raises.
    """

    color: str = ""
    every: int = 1
    limits: Limits = Limits()
    on_bad: OnBad | None = None

    def __post_init__(self) -> None:
        if self.color not in ("", "rgb", "bgr"):
            raise OptionError(f'color must be "rgb" or "bgr"; got {self.color!r}')
        if self.every < 1:
            raise OptionError(f"every must be at least 1; got {self.every}")

    def pictures(self, given: Given) -> Iterator[Picture]:
        """The pictures in what is given, in its order; a folder's by name.

        Raises:
            DataError: one cannot be used, and there is no `on_bad`.
            OptionError: something given is none of what `Given` may be, or an array lacks what is
                needed to read it.
        """
        for name, read in self._sources(given):
            try:
                yield from read()
            except DataError as error:
                if self.on_bad is None:
                    raise
                self.on_bad(name, error)

    def _sources(self, given: Given) -> Iterator[tuple[str, Callable[[], Iterator[Picture]]]]:
        """(name, how to read it) of everything given that is no list."""
        if isinstance(given, str | os.PathLike):
            yield from self._named(os.fspath(given))
        elif isinstance(given, bytes | bytearray | memoryview):
            name = "bytes of an image"
            yield name, partial(self._encoded, name, bytes(given))
        elif isinstance(given, int) and not isinstance(given, bool):
            yield f"camera {given}", partial(self._camera, given)
        elif hasattr(given, "dtype") and hasattr(given, "shape"):
            yield "array", partial(self._array, given)
        elif isinstance(given, Iterable) and not hasattr(given, "tobitmap"):
            for part in given:
                yield from self._sources(part)
        else:
            raise OptionError(_not_known(given))

    def _named(self, name: Any) -> Iterator[tuple[str, Callable[[], Iterator[Picture]]]]:
        if not isinstance(name, str):
            name = os.fsdecode(name)
        if name.lower().startswith(_WEB):
            yield name, partial(self._address, name)
        elif name.lower().startswith(_CAMERAS):
            yield name, partial(self._camera, name)
        else:
            for path in self._paths(name):
                is_video = path.lower().endswith(VIDEO_SUFFIXES)
                yield path, partial(self._video if is_video else self._file, path)

    def _paths(self, name: str) -> Iterator[str]:
        """The files that a path, folder or glob names; what is wrong with it is told."""
        path = Path(name).expanduser()
        try:
            if path.is_dir():
                yield from _files_in(path)
            elif glob.has_magic(str(path)) and not path.exists():
                yield from _files_like(str(path))
            elif not path.exists():
                raise DataError(f"there is no file or folder {path}; check the path")
            else:
                yield str(path)
        except OSError as error:
            problem = DataError(f"cannot read {path}: {error.strerror or error}; {LEAVE_OUT}")
            self._tell(name, problem)
        except DataError as error:
            self._tell(name, error)

    def _tell(self, name: str, error: DataError) -> None:
        if self.on_bad is None:
            raise error
        self.on_bad(name, error)

    def _decoded(self, name: str, content: bytes) -> Pixels:
        most = self.limits.max_pixels
        return decode_image(content, shown(name), upright=True, max_pixels=most, advice=LEAVE_OUT)

    def _read_file(self, path: str) -> Pixels:
        return read_image(path, upright=True, max_pixels=self.limits.max_pixels, advice=LEAVE_OUT)

    def _file(self, path: str) -> Iterator[Picture]:
        yield Picture(path, None, self._read_file(path), partial(self._read_file, path))

    def _encoded(self, name: str, content: bytes) -> Iterator[Picture]:
        decoded = partial(self._decoded, name, content)
        yield Picture(name, None, decoded(), decoded)

    def _address(self, address: str) -> Iterator[Picture]:
        # Only now, since what speaks HTTP takes a tenth of a second to import.
        from gluon_ssd.system.fetch_bytes import fetch_bytes
        from gluon_ssd.system.web_session import FetchFailed

        limits = self.limits
        try:
            content = fetch_bytes(
                address, max_bytes=limits.max_bytes, max_seconds=limits.max_seconds
            )
        except FetchFailed as error:
            raise DataError(f"cannot fetch {shown(address)}: {error}; {LEAVE_OUT}") from error
        yield from self._encoded(address, content)

    def _array(self, array: Any) -> Iterator[Picture]:
        converted = partial(rgb_of_array, array, self.color)
        yield Picture("array", None, converted(), converted)

    def _video(self, path: str) -> Iterator[Picture]:
        for number, pixels in read_frames(
            path, every=self.every, max_pixels=self.limits.max_pixels
        ):
            yield Picture(path, number, pixels, None)

    def _camera(self, camera: int | str) -> Iterator[Picture]:
        timeout_s = self.limits.max_seconds if isinstance(camera, str) else None
        name = camera if isinstance(camera, str) else f"camera {camera}"
        for number, pixels in read_frames(
            camera,
            every=self.every,
            timeout_s=timeout_s,
            max_pixels=self.limits.max_pixels,
        ):
            yield Picture(name, number, pixels, None, is_live=True)


def _files_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        found = sorted(entry.path for entry in entries if _is_known(entry.name))
    if not found:
        raise DataError(f"the folder {folder} holds no picture; looked for {', '.join(_SUFFIXES)}")
    return found


def _files_like(pattern: str) -> list[str]:
    found = sorted(path for path in glob.iglob(pattern, recursive=True) if _is_known(path))
    if not found:
        raise DataError(f"no picture is like {pattern}; looked for {', '.join(_SUFFIXES)}")
    return found


def _is_known(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def _not_known(given: Any) -> str:
    kind = type(given)
    if kind.__module__.partition(".")[0] == "PIL":
        return (
            'give a Pillow image as numpy.asarray(image.convert("RGB")), with color="rgb"; '
            "or give its file"
        )
    return f"pictures cannot be read from {kind.__name__}; give {_ALLOWED}"
