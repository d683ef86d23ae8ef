"""The two files of OpenVINO's IR: their names, and what says that they are of one export."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

from gluon_ssd.deploy.openvino.runtime_info import runtime_text
from gluon_ssd.errors import ModelError, WeightsError

WEIGHTS_KEY = "gluon_ssd_weights"
"""Key of the runtime information that holds the digest of the weights."""
_BLOCK = 1 << 22


def ir_files(path: str | Path) -> tuple[Path, Path]:
    """The two files of an IR: graph (.xml) and weights (.bin)."""
    return Path(path), Path(path).with_suffix(".bin")


def move_ir(source: str | Path, target: str | Path) -> None:
    """Rename both files of an IR within one file system; raises OSError.

    The graph comes first: where this is cut short, its digest tells that the weights are not its
    own, even where the earlier graph had none.
    """
    for file, end in zip(ir_files(source), ir_files(target), strict=True):
        os.replace(file, end)


def digest_of(weights: str | Path) -> str:
    """Length and CRC-32 of a file: they tell two exports apart, not forged files. OSError."""
    checksum, length = 0, 0
    with open(weights, "rb") as file:
        while block := file.read(_BLOCK):
            checksum, length = zlib.crc32(block, checksum), length + len(block)
    return f"{length}-{checksum:08x}"


def mark(network: Any, weights: str | Path) -> None:
    """Let an `openvino.Model` carry the digest of its weights, as they are in a file. OSError."""
    network.set_rt_info(digest_of(weights), [WEIGHTS_KEY])


def check_pair(network: Any, path: str) -> None:
    """Raise WeightsError when a network that was read from an IR has the digest of other weights.

    Files of other programs and of earlier versions have none, and fit all. Raises ModelError when
    the weights or the digest cannot be read.
    """
    stated = runtime_text(network, (WEIGHTS_KEY,), path)
    if stated is None:
        return
    _, weights = ir_files(path)
    try:
        found = digest_of(weights)
    except OSError as error:
        raise ModelError(f"cannot read {weights}: {error.strerror}; export it anew") from error
    if stated != found:
        raise WeightsError(
            f"{path} and {weights} are of different exports, or were changed since: the graph says "
            "that it goes with other weights; copy or export both anew"
        )
