"""Texts that an `openvino.Model` carries beside its graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.errors import ModelError


def runtime_text(network: Any, place: Sequence[str], path: str) -> str | None:
    """The text at a place of the runtime information; None where there is none.

    Raises:
        ModelError: it is no UTF-8, naming the file `path`.
    """
    if not network.has_rt_info(list(place)):
        return None
    try:
        return str(network.get_rt_info(list(place)).astype(str))
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{path} cannot be used: its {place[-1]} is no UTF-8 text; export the model anew"
        ) from error


def record_text(network: Any, path: str) -> str | None:
    """The record of a network as JSON; None where it carries none. Errors as of `runtime_text`."""
    for place in ((RECORD_KEY,), ("framework", RECORD_KEY)):  # of an IR, and of an ONNX file
        if (text := runtime_text(network, place, path)) is not None:
            return text
    return None
