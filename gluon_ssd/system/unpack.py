"""Unpack archives that others made: nothing leaves the folder, and no small file grows huge."""

from __future__ import annotations

import gzip
import itertools
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from gluon_ssd.errors import DataError, EnvironmentProblem
from gluon_ssd.system.files import ensure_directory, write_problem
from gluon_ssd.system.regular_file import open_regular

_BLOCK_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"  # how every gzip file starts
# The end of a zip: a comment of 64 KiB at most, behind the records that tell where its list is.
_ZIP_TAIL_BYTES = (1 << 16) + 512
_LIST_BYTES_A_FILE = 256
# A few bytes may be packed to hardly any: it takes this much for the ratio to count.
_RATIO_FROM_BYTES = 1 << 20


class Limits(NamedTuple):
    """What an archive may hold: files, bytes of them, and bytes for each packed byte.

    The ratio holds for each file and for all of them together.
    """

    files: int = 500_000
    size: int = 100 * 10**9
    ratio: int = 100


LIMITS = Limits()
"""Above any published data set: COCO's 118,287 images are 19 GB, its JSON is packed by ten."""


class _Member(NamedTuple):
    name: str
    kind: str  # "file", "folder", or what else it is
    size: int
    packed_size: int
    open: Callable[[], IO[bytes]]
    refused: str = ""


def unpack(
    archive: Path,
    folder: Path,
    *,
    place: Callable[[str], str | None] = lambda name: name,
    limits: Limits = LIMITS,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> int:
    """Unpack a .zip, a .tar or a .tar.gz. The members are judged before the first one is written.

    A file has its name once it is whole; one that is there in the right size is left as it is, so
    that a broken-off unpacking goes on. Sums of zip members are checked as they are read.

    Args:
        archive: the file.
        folder: where to; made if need be.
        place: the path in `folder` of a member's name; None leaves the member out.
        limits: above them an archive is refused.
        on_bytes: called with the number of bytes since the last call, those left as they are too.

    Returns:
        How many files of the archive are there now.

    Raises:
        DataError: no archive, cut off, damaged, or with a member that is refused: an absolute path,
            one that leads out, a link, a device, a doubled name, a file where a folder is, one with
            a password or packed in an unusual way, or beyond the limits.
        EnvironmentProblem: it does not fit on the disk, or the folder cannot be written.
    """
    with _naming(archive), _opened(archive, folder, limits) as opened:
        members = list(itertools.islice(_members(opened), limits.files + 1))
        chosen = _judge(archive, members, place, limits)
        _require_space(folder, [(target, member.size) for target, member in chosen.items()])
        for target, member in chosen.items():
            _write(archive, member, folder / target, on_bytes)
    return len(chosen)


@contextmanager
def _naming(archive: Path) -> Iterator[None]:
    """Turn what an archive's reader says into a DataError that names the archive."""
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,  # also of Python's recursion, for headers that follow headers
        ValueError,  # numbers and names that are none, also of another encoding
        OverflowError,
        IndexError,
        KeyError,
        struct.error,
        _BadData,
    ) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"cannot unpack {archive}: {text}; the file is damaged, remove it and fetch it anew"
        ) from error
    except OSError as error:
        raise write_problem(error.filename or archive, error) from error


class _BadData(Exception):
    """A reader's OSError that is about the content."""


@contextmanager
def _opened(archive: Path, folder: Path, limits: Limits) -> Iterator[Any]:
    with open_regular(archive) as file:
        if file.read(2) == _GZIP:
            file.seek(0)
            with (
                _gunzipped(archive, file, folder, limits) as tape,
                tarfile.open(archive, "r:", fileobj=tape) as taped,
            ):
                yield taped
            return
        if zipfile.is_zipfile(file):
            file.seek(0)
            _refuse_long_list(archive, file, limits)
            with zipfile.ZipFile(file) as zipped:
                yield zipped
            return
        file.seek(0)
        # Packed in another way it would grow without bounds.
        with tarfile.open(archive, "r:", fileobj=file) as taped:
            yield taped


@contextmanager
def _gunzipped(archive: Path, file: IO[bytes], folder: Path, limits: Limits) -> Iterator[IO[bytes]]:
    """What is in a gzip file, as a file without a name in `folder`: there is none to be removed."""
    most = min(limits.size, max(_RATIO_FROM_BYTES, limits.ratio * archive.stat().st_size))
    ensure_directory(folder)
    with _nameless(folder) as tape, gzip.GzipFile(fileobj=file) as packed:
        size = 0
        while block := _read(packed):
            size += len(block)
            if size > most:
                raise _refused(archive, f"it grows to more than {most} bytes")
            try:
                while block:  # a full disk takes a part of it
                    block = block[tape.write(block) :]
            except OSError as error:
                raise write_problem(folder, error) from error
        tape.seek(0)
        yield tape


def _nameless(folder: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError as error:
        raise write_problem(folder, error) from error


def _refuse_long_list(archive: Path, file: IO[bytes], limits: Limits) -> None:
    """Refuse a zip by the length of its list, before Python makes objects of that."""
    end = file.seek(0, os.SEEK_END)
    first = max(0, end - _ZIP_TAIL_BYTES)
    file.seek(first)
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    size = int.from_bytes(tail[place + 12 : place + 16], "little")
    if (wide := tail.rfind(b"PK\6\6", 0, place)) >= 0:  # of a zip above 4 GiB or 65,535 files
        size, place = int.from_bytes(tail[wide + 40 : wide + 48], "little"), wide
    if size > _LIST_BYTES_A_FILE * limits.files + _BLOCK_BYTES:
        raise _refused(archive, f"its list of files has {size} bytes")
    file.seek(max(0, first + place - size))  # it ends where its end record begins
    count = file.read(size).count(b"PK\1\2")
    if count > limits.files:
        raise _refused(archive, f"it holds {count} files, allowed are {limits.files}")
    file.seek(0)


def _members(opened: Any) -> Iterator[_Member]:
    if isinstance(opened, zipfile.ZipFile):
        for zipped in opened.infolist():
            yield _Member(
                zipped.filename,
                _kind_of_zipped(zipped),
                zipped.file_size,
                zipped.compress_size,
                partial(opened.open, zipped),
                _wrong_with_zipped(zipped),
            )
        return
    for taped in opened:
        kind = "folder" if taped.isdir() else _kind_of_taped(taped)
        yield _Member(taped.name, kind, taped.size, taped.size, partial(_open_taped, opened, taped))


def _wrong_with_zipped(member: zipfile.ZipInfo) -> str:
    if member.flag_bits & 1:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is packed in an unusual way (method {member.compress_type})"
    return ""


def _kind_of_zipped(member: zipfile.ZipInfo) -> str:
    mode = stat.S_IFMT(member.external_attr >> 16)
    if stat.S_ISLNK(mode):
        return "a link"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a device"
    return "folder" if member.is_dir() else "file"


def _kind_of_taped(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "a link"
    if member.issparse():
        return "a file with holes"
    return "file" if member.isreg() else "a device"


def _open_taped(opened: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = opened.extractfile(member)
    assert source is not None, "only regular files are opened"
    return source


def _judge(
    archive: Path,
    members: list[_Member],
    place: Callable[[str], str | None],
    limits: Limits,
) -> dict[str, _Member]:
    """Path below the folder -> file. Raises DataError at the first member that is refused."""
    chosen: dict[str, _Member] = {}
    if len(members) > limits.files:
        raise _refused(archive, f"it holds {len(members)} files, allowed are {limits.files}")
    for member in members:
        if wrong := _what_is_wrong(member, limits):
            raise _refused(archive, f"its member {member.name!r} {wrong}")
        target = None if member.kind == "folder" else place(member.name)
        if target is None:
            continue
        target = str(PurePosixPath(target))
        if target in chosen:
            raise _refused(archive, f"its member {member.name!r} is there twice")
        chosen[target] = member
    for target in chosen:
        for folder in PurePosixPath(target).parents:
            if str(folder) in chosen:
                raise _refused(archive, f"its member {str(folder)!r} is a file and a folder")
    total = sum(member.size for member in members)
    if total > max(_RATIO_FROM_BYTES, limits.ratio * archive.stat().st_size):
        raise _refused(
            archive, f"it grows to {total} bytes, {limits.ratio} times its size and more"
        )
    if total > limits.size:
        raise _refused(archive, f"it unpacks to {total} bytes, allowed are {limits.size}")
    return chosen


def _what_is_wrong(member: _Member, limits: Limits) -> str:
    if member.kind not in ("file", "folder"):
        return f"is {member.kind}"
    if member.refused:
        return member.refused
    # A backslash and a colon part paths on other systems.
    if (
        not member.name
        or member.name.startswith("/")
        or not member.name.isprintable()
        or set("\\:") & {*member.name}
    ):
        return "has no plain relative path"
    if ".." in PurePosixPath(member.name).parts:
        return "leads out of the folder"
    ratio = member.size / max(member.packed_size, 1)
    if member.size > _RATIO_FROM_BYTES and ratio > limits.ratio:
        return f"grows to {ratio:.0f} times its size, allowed is {limits.ratio}"
    return ""


def _refused(archive: Path, why: str) -> DataError:
    return DataError(f"{archive} is refused: {why}; remove it and fetch it from a place you trust")


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _require_space(folder: Path, files: list[tuple[str, int]]) -> None:
    ensure_directory(folder)
    needed = sum(size for target, size in files if not _is_there(folder / target, size))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise EnvironmentProblem(
            f"cannot unpack into {folder}: {needed / 1e9:.2f} GB are needed and "
            f"{free / 1e9:.2f} GB are free; free some space or choose another folder"
        )


def _write(archive: Path, member: _Member, path: Path, on_bytes: Callable[[int], object]) -> None:
    if _is_there(path, member.size):
        on_bytes(member.size)
        return
    ensure_directory(path.parent)
    part = path.with_name(f".{path.name}.part")
    try:
        written = 0
        with member.open() as source, _created(part) as target:
            while block := _read(source):
                target.write(block)
                written += len(block)
                on_bytes(len(block))
        if written != member.size:
            raise DataError(
                f"cannot unpack {archive}: it ends within {member.name!r}; the file is damaged, "
                "remove it and fetch it anew"
            )
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _read(source: IO[bytes] | gzip.GzipFile) -> bytes:
    try:
        return source.read(_BLOCK_BYTES)
    except OSError as error:
        if error.errno is None:
            raise _BadData(str(error)) from error
        raise


@contextmanager
def _created(part: Path) -> Iterator[IO[bytes]]:
    try:
        with open(part, "wb") as file:
            yield file
    except OSError as error:
        raise write_problem(part, error) from error
