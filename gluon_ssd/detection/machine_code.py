"""Loops as machine code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_ANY_ORDER = {"reassoc", "nnan", "nsz"}


def compile_loop(
    signature: str, loop: Callable[..., Any], *, reorders: bool = False
) -> Callable[..., Any]:
    """A function of arrays and numbers as machine code, which runs beside other threads.

    The code is kept beside the source where that, or a cache folder, takes it.

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
    except RuntimeError:  # nowhere to keep it
        compiled = compiler()(loop)
    return compiled
