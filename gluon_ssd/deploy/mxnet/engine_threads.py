"""Threads of MXNet's engine, each with as many OpenMP threads as wanted.

MXNet gives every CPU context, mx.cpu(0), mx.cpu(1) and so on, a thread of its engine, in which its
operators are computed one after the other; what is kept of an operator is that thread's. OpenMP
keeps the number of threads of a team for each thread that starts one. So contexts compute beside
one another, with teams of several sizes. An operator that oneDNN has prepared for one size must be
computed with that one: the size of a context is set before its first operator and stays.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.errors import ModelError
from gluon_ssd.system.threads import compute_threads

_CPU = 1  # dev_type of mx.cpu()
_MOST_CONTEXTS = 16  # Context::kMaxDevID of MXNet


class _Context(ctypes.Structure):
    """What a ContextHandle of MXNet's C interface points to."""

    _fields_ = (("dev_type", ctypes.c_int32), ("dev_id", ctypes.c_int32))


_Work = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_Delete = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_numbers: dict[tuple[int, int], int] = {}
_kept: list[Any] = []  # what the engine calls later must stay


@functools.cache
def engine_context(threads: int, number: int = 0) -> Any:
    """A context whose operators are computed with so many threads.

    Args:
        threads: of its team.
        number: contexts of other numbers compute beside it.

    Raises:
        ModelError: there are more contexts than MXNet has.
    """
    if (threads, number) == (compute_threads(), 0):
        return mx.cpu(0)  # as MXNet set it up
    device = 1 + len(_numbers)
    if device >= _MOST_CONTEXTS:
        raise ModelError(
            f"MXNet computes {_MOST_CONTEXTS - 1} batches beside one another at most; ask for "
            "fewer streams",
            settings=("streams",),
        )
    _numbers[threads, number] = device
    _set_team(device, threads)
    return mx.cpu(device)


def _set_team(device: int, threads: int) -> None:
    """Set the size of the team, in the engine's thread for that context."""
    set_threads = ctypes.CDLL("libgomp.so.1").omp_set_num_threads
    done = mx.nd.zeros(1)
    work = _Work(lambda _, __: set_threads(threads))
    delete = _Delete(lambda _: None)
    _kept.extend([work, delete])
    changed = (ctypes.c_void_p * 1)(done.handle)
    context = _Context(_CPU, device)
    mx.base.check_call(
        mx.base._LIB.MXEnginePushSyncND(
            work, None, delete, ctypes.byref(context), None, 0, changed, 1, None, 0, b"threads"
        )
    )
    done.wait_to_read()
