"""From anything that holds pictures to the pictures, one after the other, in order."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.images import (
    IMAGE_SUFFIXES,
    LEAVE_OUT,
    MAX_PIXELS,
    decode_image,
    read_image,
)
from gluon_ssd.data.live_frames import read_live
from gluon_ssd.data.videos import VIDEO_SUFFIXES, read_frames
from gluon_ssd.errors import DataError, OptionError, SsdError
from gluon_ssd.inference.array_pictures import rgb_of_array
from gluon_ssd.system.address import shown
from gluon_ssd.system.scratch import scratch_folder

Pixels = NDArray[np.uint8]
Given: TypeAlias = Any
"""A path, folder, glob, address, content of an image file, array, number of a camera, or an
iterable of these, nested as one likes."""
OnBad = Callable[[str, SsdError], None]
"""Called with the name of what cannot be used, and why."""

_SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
_WEB = ("http://", "https://")
_CAMERAS = ("rtsp://", "rtsps://", "rtmp://", "rtmps://")
_LONGEST_LABEL = 80
_ALLOWED = (
    "a path, a folder, a glob, an http(s) address, the bytes of an image file, a uint8 array "
    "(H, W, 3), the number of a camera, or a list of these"
)


@dataclass(frozen=True)
class Limits:
    """What one picture may cost; more is refused.

    Attributes:
        max_bytes: of what an address sends.
        max_seconds: for all of it to arrive; of a camera or the film of an address, to open it,
            and for each frame.
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
        rate: frames a second of a film or camera; 0 where that is not known.
    """

    source: str
    frame: int | None
    pixels: Pixels
    read_again: Callable[[], Pixels] | None
    is_live: bool = False
    rate: float = 0.0


@dataclass(frozen=True)
class Source:
    """What pictures are read from.

    Attributes:
        name: the path or address, or what it is, in words.
        label: a relative path of plain characters, without an ending, for files made of it.
        path: of a file; None for others.
        is_film: whether it is a film or a camera; None for an address, which may turn out as one.
        read: gives its pictures.
    """

    name: str
    label: str
    path: str | None
    is_film: bool | None
    read: Callable[[], Iterator[Picture]]

    @property
    def is_live(self) -> bool:
        """Whether it is a camera; of some addresses only the first picture tells."""
        return self.is_film is True and self.path is None


@dataclass(frozen=True)
class Reader:
    """Reads pictures of anything that holds them.

    Attributes:
        color: "rgb" or "bgr", the order of the channels of arrays; empty where there are none.
        every: of videos and cameras, take one frame in so many.
        limits: what one picture may cost.
        on_bad: told of what cannot be used, which is then left out; None raises.
        goes_down: whether a folder gives what is in the folders below it too; links to folders are
            not followed.
        left_out: a folder that is passed over below other folders.
        has_web_films: whether an http(s) address may be a film or a camera. FFmpeg opens it, which
            goes wherever a playlist leads: right for addresses that the user wrote.
        is_stopped: asked while a camera or an address sends nothing; where it says so, that one
            ends there.
    """

    color: str = ""
    every: int = 1
    limits: Limits = Limits()
    on_bad: OnBad | None = None
    goes_down: bool = False
    left_out: Path | None = None
    has_web_films: bool = False
    is_stopped: Callable[[], bool] = lambda: False

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
        for source in self.sources(given):
            try:
                yield from source.read()
            except DataError as error:
                if self.on_bad is None:
                    raise
                self.on_bad(source.name, error)

    def sources(self, given: Given) -> Iterator[Source]:
        """What is given, taken apart: files, addresses, cameras, arrays; errors as of `pictures`.

        Nothing is opened yet, so that only `read` finds what cannot be decoded.
        """
        if isinstance(given, str | os.PathLike):
            yield from self._named(os.fspath(given))
        elif isinstance(given, bytes | bytearray | memoryview):
            name = "bytes of an image"
            yield Source(name, "image", None, False, partial(self._encoded, name, bytes(given)))
        elif isinstance(given, int) and not isinstance(given, bool):
            yield Source(
                f"camera {given}", f"camera{given}", None, True, partial(self._live, given)
            )
        elif hasattr(given, "dtype") and hasattr(given, "shape"):
            yield Source("array", "array", None, False, partial(self._array, given))
        elif isinstance(given, Iterable) and not hasattr(given, "tobitmap"):
            for part in given:
                yield from self.sources(part)
        else:
            raise OptionError(_not_known(given))

    def _named(self, name: Any) -> Iterator[Source]:
        if not isinstance(name, str):
            name = os.fsdecode(name)
        if name.lower().startswith(_WEB):
            yield Source(name, _address_label(name), None, None, partial(self._address, name))
        elif name.lower().startswith(_CAMERAS):
            yield Source(name, _address_label(name), None, True, partial(self._live, name))
        else:
            for path, base in self._paths(name):
                is_film = path.lower().endswith(VIDEO_SUFFIXES)
                read = partial(self._video if is_film else self._file, path)
                yield Source(path, _file_label(path, base), path, is_film, read)

    def _paths(self, name: str) -> Iterator[tuple[str, Path]]:
        """The files that a path, folder or glob names, and the folder that their labels are from;
        what is wrong with it is told."""
        path = Path(name).expanduser()
        try:
            if path.is_dir():
                found, base = self._files_in(path), path
            elif glob.has_magic(str(path)) and not path.exists():
                found, base = _files_like(str(path)), _fixed_part(path)
            elif not path.exists():
                raise DataError(f"there is no file or folder {path}; check the path")
            else:
                found, base = [str(path)], path.parent
            yield from ((each, base) for each in found)
        except OSError as error:
            problem = DataError(f"cannot read {path}: {error.strerror or error}; {LEAVE_OUT}")
            self._tell(name, problem)
        except DataError as error:
            self._tell(name, error)

    def _files_in(self, folder: Path) -> list[str]:
        if not self.goes_down:
            with os.scandir(folder) as entries:
                found = [entry.path for entry in entries if _is_seen(entry.name)]
        else:
            found = list(self._below(folder))
        if not found:
            raise DataError(
                f"the folder {folder} holds no picture; looked for {', '.join(_SUFFIXES)}"
            )
        return sorted(found)

    def _below(self, folder: Path) -> Iterator[str]:
        def refuse(error: OSError) -> None:
            raise error

        for place, folders, files in os.walk(folder, onerror=refuse):
            folders[:] = [
                name
                for name in folders
                if not (name.startswith(".") or self._is_left_out(Path(place, name)))
            ]
            yield from (os.path.join(place, name) for name in files if _is_seen(name))

    def _is_left_out(self, folder: Path) -> bool:
        return (
            self.left_out is not None
            and self.left_out.exists()
            and folder.exists()
            and folder.samefile(self.left_out)
        )

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
        from gluon_ssd.system.fetch_bytes import IsFilm, fetch_bytes
        from gluon_ssd.system.web_session import FetchFailed

        limits = self.limits
        try:
            content = fetch_bytes(
                address, max_bytes=limits.max_bytes, max_seconds=limits.max_seconds
            )
        except FetchFailed as error:
            if isinstance(error, IsFilm) and self.has_web_films:
                yield from self._web_film(address, is_live=error.is_live)
                return
            raise DataError(f"cannot fetch {shown(address)}: {error}; {LEAVE_OUT}") from error
        yield from self._encoded(address, content)

    def _web_film(self, address: str, *, is_live: bool) -> Iterator[Picture]:
        """The frames as they come; of a film that cannot be read so, from a copy of it."""
        is_begun = False
        try:
            for picture in self._live(address, is_live=is_live):
                is_begun = True
                yield picture
            return
        except DataError as error:
            # A film with its index at the end needs a server that sends parts of files; what has
            # frames, or too large ones, has been read.
            if is_live or is_begun or error.settings:
                raise
        yield from self._copied_film(address)

    def _copied_film(self, address: str) -> Iterator[Picture]:
        from gluon_ssd.system.fetch_bytes import fetch_bytes
        from gluon_ssd.system.web_session import FetchFailed

        limits, name = self.limits, shown(address)
        try:
            content = fetch_bytes(
                address,
                max_bytes=limits.max_bytes,
                max_seconds=limits.max_seconds,
                takes_films=True,
            )
        except FetchFailed as error:
            raise DataError(
                f"{name} gives no picture as it comes, as a film with its index at the end from a "
                f"server that sends no parts of files, and cannot be copied first: {error}; fetch "
                "it yourself and give the file"
            ) from error
        with scratch_folder() as folder:
            path = folder / "film"
            path.write_bytes(content)
            del content
            for number, pixels, rate in read_frames(
                str(path), every=self.every, max_pixels=limits.max_pixels, name=name
            ):
                yield Picture(address, number, pixels, None, rate=rate)

    def _array(self, array: Any) -> Iterator[Picture]:
        converted = partial(rgb_of_array, array, self.color)
        yield Picture("array", None, converted(), converted)

    def _video(self, path: str) -> Iterator[Picture]:
        for number, pixels, rate in read_frames(
            path, every=self.every, max_pixels=self.limits.max_pixels
        ):
            yield Picture(path, number, pixels, None, rate=rate)

    def _live(self, source: str | int, *, is_live: bool = True) -> Iterator[Picture]:
        name = source if isinstance(source, str) else f"camera {source}"
        frames = read_live(
            source,
            timeout_s=self.limits.max_seconds,
            every=self.every,
            max_pixels=self.limits.max_pixels,
            is_live=is_live,
            is_stopped=self.is_stopped,
        )
        for number, pixels, rate in frames:
            yield Picture(name, number, pixels, None, is_live=is_live, rate=rate)


def _file_label(path: str, base: Path) -> str:
    parts = [part for part in Path(path).relative_to(base).with_suffix("").parts if part != ".."]
    return os.fsencode("/".join(parts)).decode("utf-8", "replace")


def _address_label(address: str) -> str:
    """The last part of an address, or its host; never what lets one in."""
    try:
        parts = urlsplit(shown(address))
        name = Path(parts.path).stem or parts.hostname or ""
    except ValueError:
        name = ""
    return re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_LABEL].strip("._") or "address"


def _fixed_part(pattern: Path) -> Path:
    """The folders of a glob that hold for all that is like it."""
    fixed = Path()
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed


def _files_like(pattern: str) -> list[str]:
    found = sorted(path for path in glob.iglob(pattern, recursive=True) if _is_known(path))
    if not found:
        raise DataError(f"no picture is like {pattern}; looked for {', '.join(_SUFFIXES)}")
    return found


def _is_seen(name: str) -> bool:
    # A dot hides notes of other systems, and files that are not finished.
    return _is_known(name) and not name.startswith(".")


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
