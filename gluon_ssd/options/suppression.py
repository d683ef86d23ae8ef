"""The options of suppression: unset, the network's own values count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.options.declare import option

_SUPPRESSION = {
    "nms_thresh": ("overlap above which a box suppresses another", 0),
    "nms_topk": ("best candidates an image that enter suppression", -1),
    "post_nms": ("detections an image that are kept", -1),
}


def suppression_option(name: str) -> Any:
    """The option of one number of the suppression; unset, the network's own counts."""
    help, minimum = _SUPPRESSION[name]
    usual = getattr(Decoding, name)
    return option(None, help, minimum=minimum, unset=f"the network's own; {usual} in the zoo")


def asked_suppression(options: object) -> dict[str, Any]:
    """The numbers of the suppression that a group of options sets, by name."""
    values = {name: getattr(options, name) for name in _SUPPRESSION}
    return {name: value for name, value in values.items() if value is not None}


def with_suppression(decoding: Decoding, options: object) -> Decoding:
    """A network's decoding with what a group of options sets."""
    return replace(decoding, **asked_suppression(options))
