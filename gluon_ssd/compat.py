"""Import MXNet so that it works beside a newer NumPy. Everything else takes `mx` from here.

MXNet 1.9.1 reads the aliases ``numpy.bool`` and its siblings, which NumPy 1.24 removed
(github.com/apache/mxnet/issues/21165). They are put back before MXNet is imported.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gluon_ssd.system.threads import set_thread_waiting

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


def _import_mxnet() -> Any:
    _restore_numpy_aliases()
    set_thread_waiting()
    with warnings.catch_warnings():
        # distutils (Python 3.10, 3.11) and pkg_resources complain at import; users can do nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        import mxnet
    return mxnet


mx: Any = _import_mxnet()
