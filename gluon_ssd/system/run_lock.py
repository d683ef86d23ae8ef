"""Keep two processes from writing the same output: a lock that ends with its process.

The lock is on a hidden file beside the output, `.NAME.lock`, which stays open. The system lifts it
when the process ends, however it ends; a file that is left behind then locks nothing. Child
processes do not inherit it. Standard library only.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gluon_ssd.errors import OptionError
from gluon_ssd.system.files import ensure_directory, remove_unfinished, write_problem

_log = logging.getLogger(__name__)

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_HOLDER = re.compile(rb"process (\d{1,20}) on ([\w.-]{1,255}) since ([\d: -]{1,30})\n")
_MOST_BYTES = 512


def lock_file_of(target: str | os.PathLike[str]) -> Path:
    """The file that is locked for an output: a file, a folder, or the start of several names."""
    path = Path(target)
    return path.with_name(f".{path.name}.lock")


@contextmanager
def locked(target: str | os.PathLike[str], *, settings: Sequence[str] = ()) -> Iterator[None]:
    """Keep other processes, and other threads of this one, from writing an output for the block.

    What earlier processes left half-written beside it is removed first.
    Where the file system has no locks, a warning says so and the block runs.

    Args:
        target: what is written; its folder is made, and goes again if nothing was put there.
        settings: options that could name another output, for the message.

    Raises:
        OptionError: another process holds it; names the file, the process and since when.
        EnvironmentProblem: the folder cannot be written.
    """
    path = lock_file_of(target)
    made = [folder for folder in path.parents if not os.path.exists(folder)]
    ensure_directory(path.parent)
    try:
        handle = _open_locked(path, os.fspath(target), settings)
    except OSError as error:
        _remove_folders(made)
        raise write_problem(target, error) from error
    try:
        remove_unfinished(path.parent, Path(target).name)
        yield
    finally:
        # While it is still locked, so that the file of a later holder is never removed.
        with suppress(OSError):
            path.unlink()
            _remove_folders(made)
        os.close(handle)


def _remove_folders(made: Sequence[Path]) -> None:
    """Remove folders that were made for an output and hold nothing."""
    with suppress(OSError):
        for folder in made:
            folder.rmdir()  # refused where there is anything in it


def _open_locked(path: Path, target: str, settings: Sequence[str]) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            if not _lock(handle, path):
                raise OptionError(
                    f"{target} is being written by another run ({_holder(handle)} holds {path}); "
                    "wait for its end, or choose another name",
                    settings=settings,
                )
            if _is_still(handle, path):
                try:
                    _note_holder(handle)
                except OSError:
                    path.unlink()
                    raise
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # an earlier holder has removed the file meanwhile


def _lock(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _log.warning(
            "the file system of %s has no locks (%s): see to it that no other run writes there",
            path.parent,
            error.strerror,
        )
    return True


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def _note_holder(handle: int) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"process {os.getpid()} on {os.uname().nodename} since {since}\n".encode(), 0)


def _holder(handle: int) -> str:
    """Who wrote the file; anyone may have, so that only what has the right form is shown."""
    found = _HOLDER.fullmatch(os.pread(handle, _MOST_BYTES, 0))
    return found[0].decode("ascii", "replace").strip() if found else "a process that is starting"
