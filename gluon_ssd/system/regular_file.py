"""Open files of strangers: regular files alone, since a pipe can wait and a device never ends."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def is_present(path: str | os.PathLike[str]) -> bool:
    """Whether there is something to read of this name, sound or not; a folder is nothing to read.

    Pipes, devices and links that lead nowhere are present: who looks for a file and passes them
    over takes another one in silence, and who opens them learns what they are.
    """
    return os.path.lexists(path) and not os.path.isdir(path)


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading; a link to one is followed. It never waits.

    Raises:
        OSError: it is missing, cannot be read, or is a folder, pipe, socket or device; `strerror`
            says which.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a socket, or a device that is not there
            raise
        what = _KINDS.get(stat.S_IFMT(os.stat(path).st_mode), "something else")
        raise OSError(errno.EINVAL, f"it is {what}, not a file", os.fspath(path)) from error
    try:
        _check_regular(descriptor, path)
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def _check_regular(descriptor: int, path: str | os.PathLike[str]) -> None:
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "something else")
        raise OSError(errno.EINVAL, f"it is {what}, not a file", os.fspath(path))


def read_regular(path: str | os.PathLike[str], most_bytes: int | None = None) -> bytes:
    """The content of a regular file; errors as of `open_regular`, and EFBIG above `most_bytes`."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most_bytes is not None and size > most_bytes:
            raise OSError(
                errno.EFBIG, f"it has {size} bytes, allowed are {most_bytes}", os.fspath(path)
            )
        return file.read()
