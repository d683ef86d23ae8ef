"""Loops as machine code."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
_TOLD: list[str] = []

_ANY_ORDER = {"reassoc", "nnan", "nsz"}


def compile_loop(
    signature: str, loop: Callable[..., Any], *, reorders: bool = False
) -> Callable[..., Any]:
    """A function of arrays and numbers as machine code, which runs beside other threads.

    The code is kept beside the source where that, or a cache folder, takes it. Where it cannot be
    kept, or what was kept is damaged, a warning says so and it is compiled anew.

    Args:
        signature: types of what comes back and of the arguments, as Numba writes them.
        loop: one function by itself; a division by zero in it gives NaN or infinity, as in C.
        reorders: whether sums and largest numbers may be taken in any order, several at once; of
            NaN anything comes out then.
    """
    import numba  # a third of a second, which commands that run no network need not spend

    compiler = functools.partial(
        numba.jit,
        signature,
        nopython=True,
        nogil=True,
        error_model="numpy",
        fastmath=_ANY_ORDER if reorders else False,
    )
    try:
        compiled: Callable[..., Any] = compiler(cache=True)(loop)
    # Numba reads its files as pickles, in which damage can end in any error at all.
    except Exception as error:
        if isinstance(error, numba.core.errors.NumbaError):
            raise  # the loop itself
        compiled = compiler()(loop)
        _warn(getattr(numba.config, "CACHE_DIR", "") or _folder_beside(loop), error)
    return compiled


def _folder_beside(loop: Callable[..., Any]) -> str:
    return str(Path(inspect.getfile(loop)).parent / "__pycache__")


def _warn(folder: str, error: Exception) -> None:
    """Say once in a process that the machine code is not kept."""
    if folder in _TOLD:
        return
    _TOLD.append(folder)
    reason = " ".join(str(error).split()) or type(error).__name__
    _log.warning(
        "the kept machine code in %s cannot be used (%s): it is compiled anew in every process, "
        "which takes seconds; remove its .nbi and .nbc files, or name a folder that can be "
        "written in NUMBA_CACHE_DIR",
        folder,
        reason[:200],
    )
