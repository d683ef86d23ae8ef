"""Temporary folders that do not outlive their process for long.

A folder is locked while its process lives. One whose process was killed is removed by whoever makes
a folder in the same place later. Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MARK = "gluon-ssd-"


@contextmanager
def scratch_folder(beside: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """A new folder, removed with all that is in it after the block.

    Args:
        beside: a file to be; the folder is hidden beside it, so that files move there by renaming.
            None puts it into the folder for temporary files.

    Raises:
        OSError: it cannot be made.
    """
    place, start = Path(tempfile.gettempdir()), _MARK
    if beside is not None:
        place, start = Path(beside).parent, f".{Path(beside).name}.{_MARK}"
    sweep(place, start)
    folder, handle = _make(place, f"{start}{os.getpid()}-")
    try:
        yield folder
    finally:
        # What cannot be removed now, as on a disk that went away, is swept later.
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _make(place: Path, start: str) -> tuple[Path, int]:
    """A new folder, and a descriptor that locks it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=start, dir=place))
        handle = -1
        # Until it is locked, another process may take it for one of a dead process.
        with suppress(FileNotFoundError):
            handle = _open(folder)
            with suppress(OSError):  # where there are no locks, nobody sweeps
                fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), os.lstat(folder)):
                return folder, handle
        if handle >= 0:
            os.close(handle)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def sweep(place: Path, start: str = _MARK) -> None:
    """Remove the folders of dead processes in a place, whose names begin with `start`.

    Folders of other users stay, and so does everything where there are no locks.
    """
    with suppress(OSError):
        for name in os.listdir(place):
            if name.startswith(start) and name[len(start) :].partition("-")[0].isdigit():
                # It may be gone already, be removed by another process at the same time, or not
                # be ours to remove: then it is left.
                with suppress(OSError):
                    _remove_dead(place / name)


def _remove_dead(folder: Path) -> None:
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    handle = _open(folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(handle)
