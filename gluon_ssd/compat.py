"""The only place that imports MXNet: beside a newer NumPy, and with all cores at work.

MXNet 1.9.1 reads the aliases ``numpy.bool`` and its siblings, which NumPy 1.24 removed
(github.com/apache/mxnet/issues/21165). They are put back before MXNet is imported.

It also takes half of the processors it sees for hyperthreads, and computes on the other half. On
machines without hyperthreads, most virtual ones among them, that leaves half of the cores idle. So
OMP_NUM_THREADS is set to the number of physical cores, unless the user has set it.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

_REMOVED_ALIASES: dict[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "object": object,
    "str": str,
}


def _restore_numpy_aliases() -> None:
    for name, builtin in _REMOVED_ALIASES.items():
        if name not in vars(np):
            setattr(np, name, builtin)


def physical_cores() -> int:
    """Physical cores among the processors this process may run on, at least 1."""
    allowed = os.sched_getaffinity(0)
    topology = Path("/sys/devices/system/cpu")
    siblings = set()
    for number in allowed:
        try:
            listed = (topology / f"cpu{number}/topology/thread_siblings_list").read_text()
        except OSError:
            # Where the system does not tell, every processor counts as a core.
            listed = str(number)
        siblings.add(listed.strip())
    return max(1, len(siblings))


def _import_mxnet() -> Any:
    _restore_numpy_aliases()
    os.environ.setdefault("OMP_NUM_THREADS", str(physical_cores()))
    with warnings.catch_warnings():
        # distutils (Python 3.10, 3.11) and pkg_resources complain at import; users can do nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        import mxnet
    return mxnet


mx: Any = _import_mxnet()
