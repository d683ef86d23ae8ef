"""The table of backends that a search can use."""

from __future__ import annotations

from collections.abc import Callable

from gluon_ssd.deploy.tuning.search_backend import SearchBackend


def _mxnet() -> SearchBackend:
    from gluon_ssd.deploy.tuning.mxnet_backend import MXNET

    return MXNET


BACKENDS: dict[str, Callable[[], SearchBackend]] = {"mxnet": _mxnet}
"""Every backend by name; the function imports its framework."""
