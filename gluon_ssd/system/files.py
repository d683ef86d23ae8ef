"""Read and write files so that a crash or a full disk leaves nothing half-written."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import math
import os
import re
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from gluon_ssd.errors import DataError, EnvironmentProblem
from gluon_ssd.system.json_text import parse_json
from gluon_ssd.system.regular_file import open_regular, read_regular

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EACCES: "no permission to write there; change its rights or choose another folder",
    errno.EPERM: "no permission to write there; change its rights or choose another folder",
    errno.EROFS: "that file system is read-only; choose another folder",
    errno.ENOTDIR: "a part of that path is a file, not a folder; choose another folder",
    errno.EISDIR: "that path is a folder; choose a file name",
    errno.EFBIG: "the file would be larger than a limit allows (ulimit -f, or that of the file "
    "system); raise it or choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}

_UNFINISHED = re.compile(r"\.(.*?)(?:\.at([0-9a-f]{8}))?\.(\d+)\.part(?:\..*)?", re.DOTALL)
_ABANDONED_S = 24 * 3600.0  # after the last byte; no file of ours takes that long


def write_problem(path: str | os.PathLike[str], error: OSError) -> EnvironmentProblem:
    """Turn an OSError raised while writing `path` into one line that says the way out."""
    advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
    return EnvironmentProblem(f"cannot write {os.fspath(path)}: {advice}")


def ensure_directory(path: str | os.PathLike[str]) -> Path:
    """Make the folder and its parents. Raises EnvironmentProblem naming the folder."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise EnvironmentProblem(
            f"cannot make the folder {folder}: a file of that name exists; choose another folder"
        ) from None
    except OSError as error:
        raise write_problem(folder, error) from error
    return folder


def ensure_writable(path: str | os.PathLike[str]) -> None:
    """Make the folder of a file to be, and raise EnvironmentProblem if it cannot be written.

    For results of long work: better now than after it.
    """
    target = Path(path)
    folder = ensure_directory(target.parent)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise write_problem(target, error) from error


def _sync_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on success it is synced and renamed to `path`.

    For libraries that insist on opening the file themselves. On any error the temporary file is
    removed and an earlier file at `path` stays as it was.

    Raises:
        EnvironmentProblem: the folder cannot be written, or the disk is full.
    """
    target = Path(path)
    # The suffix stays last, since some writers choose the format by it.
    # No two threads that live, of whichever process, have the same number; the main one's is that
    # of its process.
    writer = threading.get_native_id()
    temporary = target.with_name(f".{target.stem}.{_place()}.{writer}.part{target.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
        _sync_directory(target.parent)
    except OSError as error:
        raise write_problem(target, error) from error
    finally:
        # On a read-only file system even removing what is not there fails.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """As atomic_path, with the temporary file opened in mode "wb" or "w" (text is UTF-8)."""
    encoding = None if "b" in mode else "utf-8"
    with atomic_path(path) as temporary, open(temporary, mode, encoding=encoding) as file:
        yield file


def remove_unfinished(folder: Path, start: str) -> None:
    """Remove what processes left of `atomic_path` that were killed while writing.

    Of other machines and containers that share the folder no process can be seen from here: what
    they write is removed when nothing was added for a day.

    Args:
        folder: where; one that cannot be read or written is left as it is.
        start: of the names of the files that they were going to be.
    """
    with suppress(OSError):
        for name in os.listdir(folder):
            found = _UNFINISHED.fullmatch(name)
            if found and found[1].startswith(start):
                with suppress(OSError):
                    if _is_abandoned(folder / name, found[2], int(found[3])):
                        (folder / name).unlink()


def _is_abandoned(file: Path, place: str | None, process: int) -> bool:
    # Earlier versions wrote no place.
    if place is None or f"at{place}" == _place():
        return not _lives(process)
    return time.time() - file.lstat().st_mtime > _ABANDONED_S


@functools.cache
def _place() -> str:
    """Where numbers of processes mean the same: this machine since it started, this container."""
    facts = [os.uname().nodename]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        facts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return f"at{zlib.crc32(' '.join(facts).encode()):08x}"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # of another user
    return True


class LineFile:
    """A new file that lines are added to, each of them on the disk when `write` returns.

    Args:
        path: made with its folder; what was there is lost.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        ensure_directory(self.path.parent)
        try:
            # Without a buffer, whose rest a full disk would refuse once more when it is closed.
            self._file = open(self.path, "wb", buffering=0)
        except OSError as error:
            raise write_problem(self.path, error) from error

    def write(self, line: str) -> None:
        """Add a line, without its end. Raises EnvironmentProblem when the disk is full."""
        content = line.encode() + b"\n"
        try:
            while content:  # the part that did not fit says, when it is written again, why not
                content = content[self._file.write(content) :]
        except OSError as error:
            raise write_problem(self.path, error) from error

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._file.close()


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a JSON file; errors as of `atomic_write`."""
    with atomic_write(path, "w") as file:
        json.dump(content, file, indent=1)


def without_nan(value: Any) -> Any:
    """A value for JSON, which has no NaN and no infinity: they become None, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value


def is_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a file starts as a zip archive does, so an .npz too. Raises OSError."""
    with open_regular(path) as file:
        return file.read(4) == b"PK\x03\x04"


def sha1_of(path: str | os.PathLike[str]) -> str:
    """Hexadecimal SHA-1 of a file, as the model zoo publishes it."""
    digest = hashlib.sha1()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: str | os.PathLike[str]) -> Any:
    """Parse a JSON file. Raises DataError naming the file, and the line where it breaks."""
    try:
        text = read_regular(path)
    except OSError as error:
        raise DataError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error
    return parse_json(text, os.fspath(path))
