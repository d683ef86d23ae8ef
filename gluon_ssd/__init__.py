"""SSD object detection for Apache MXNet: train, evaluate, quantise, deploy.

    from gluon_ssd import load

    for found in load("model/ssd").predict("folder/"):
        print(found.names, found.boxes_px)

`gluon_ssd.api` says what there is. Importing this package loads no framework, and not even NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gluon_ssd.api import Detector, Found, FoundObject, Limits, Preprocessing, Speed, load

__version__ = "0.1.0"

__all__ = ["Detector", "Found", "FoundObject", "Limits", "Preprocessing", "Speed", "load"]


def __getattr__(name: str) -> Any:
    """What `gluon_ssd.api` offers, which is imported when it is asked for."""
    if name in __all__:
        from gluon_ssd import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names of this package, those that are not imported yet too."""
    return sorted([*globals(), *__all__])
