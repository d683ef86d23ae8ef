"""Import MXNet so that it works beside a newer NumPy. Everything else takes `mx` from here.

MXNet 1.9.1 reads the aliases ``numpy.bool`` and its siblings, which NumPy 1.24 removed
(github.com/apache/mxnet/issues/21165). They are put back before MXNet is imported, and the
libraries that MXNet's CUDA build is linked to are loaded.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gluon_ssd.system.cuda_libraries import load_cuda_libraries
from gluon_ssd.system.guard import let_crashes_end
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


# What MXNet imports where it is installed and this project has no use for: a base class of an old
# trainer (which brings pandas), sparse arrays of others, and its own ONNX. More than half of the
# time to import MXNet.
_UNUSED = ("sklearn", "scipy", "onnx")


@contextmanager
def _without(packages: tuple[str, ...]) -> Iterator[None]:
    """Let imports of packages fail that are not imported yet."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _import_mxnet() -> Any:
    _restore_numpy_aliases()
    set_thread_waiting()
    load_cuda_libraries()
    with warnings.catch_warnings(), _without(_UNUSED):
        # distutils (Python 3.10, 3.11) and pkg_resources complain at import; users can do nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        import mxnet
    let_crashes_end()
    # Calibration by entropy asks whether SciPy is there, and then does not use it.
    mxnet.contrib.quantization.stats = importlib.util.find_spec("scipy")
    return mxnet


mx: Any = _import_mxnet()
