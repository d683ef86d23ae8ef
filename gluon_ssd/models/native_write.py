"""Have MXNet write a file of arrays, all of it or an error; MXNet does not tell of a cut one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gluon_ssd.compat import mx


def file_bytes(arrays: Mapping[str, Any]) -> int:
    """Size of a `.params` file of arrays, which have a shape and a dtype each."""
    # Per array: mark, kind of storage, number of axes, each axis, device and its number, type.
    heads = (4 * (6 + 2 * len(array.shape)) for array in arrays.values())
    values = (
        int(np.prod(array.shape)) * np.dtype(array.dtype).itemsize for array in arrays.values()
    )
    names = (8 + len(name.encode()) for name in arrays)
    return 24 + sum(heads) + sum(values) + 8 + sum(names)


def write_natively(
    path: str | os.PathLike[str], num_bytes: int, write: Callable[[str], None]
) -> None:
    """Have MXNet write a file of so many bytes.

    Raises:
        OSError: it cannot be written as a whole, in the words of the system.
    """
    target = Path(path)
    # MXNet does not say why it cannot write, and nothing at all when a full disk or a limit cuts
    # the file; reserving the space first finds out with the system's own words.
    with open(target, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, num_bytes)
    try:
        write(os.fspath(target))
        is_whole = target.stat().st_size >= num_bytes
    except mx.MXNetError:
        is_whole = False
    if not is_whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(target))
    with open(target, "rb") as written:
        os.fsync(written.fileno())
