"""The two files of an exported pair: their names, and what says that they are of one export."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import WeightsError
from gluon_ssd.system.regular_file import read_regular

DIGEST_ATTRIBUTE = "gluon_ssd_params"
"""Name of the graph's attribute that holds the digest of the parameters."""
_PARAMS = re.compile(r"-(\d{4,})\.params$")  # MXNet numbers them by the epoch
_MOST_BYTES = 64 << 20  # of a symbol


def plain_prefix(text: str) -> str:
    """The prefix of an exported model, also when one of its two files is named instead."""
    return _PARAMS.sub("", text.removesuffix("-symbol.json"))


def exported_files(prefix: str) -> tuple[Path, Path]:
    """The two files that are written for a prefix: symbol and parameters."""
    return Path(f"{prefix}-symbol.json"), Path(f"{prefix}-0000.params")


def names_parameters(path: str) -> bool:
    """Whether a path is the name of a parameter file, not a prefix or the name of a symbol."""
    return bool(_PARAMS.search(path))


def epochs_of(prefix: str) -> dict[int, Path]:
    """Epoch -> its parameter file, of all that a prefix has, the last epoch at the end."""
    symbol, params = exported_files(prefix)
    start = symbol.name.removesuffix("-symbol.json")
    found = {
        int(numbered[1]): each
        for each in params.parent.glob("*.params")
        if (numbered := _PARAMS.search(each.name)) and _PARAMS.sub("", each.name) == start
    }
    return dict(sorted(found.items()))


def files_to_read(path: str) -> tuple[Path, Path]:
    """The symbol and the parameters that a prefix, or the name of one of the two files, means.

    Parameters that are named are meant. Of a prefix they are those of the last epoch there is; but
    a symbol that was written here goes with those of epoch 0, as every export writes them.
    """
    prefix = plain_prefix(path)
    symbol, params = exported_files(prefix)
    if names_parameters(path):
        return symbol, Path(path)
    epochs = epochs_of(prefix)
    if not epochs or (len(epochs) > 1 and 0 in epochs and _is_ours(symbol)):
        return symbol, params
    return symbol, epochs[max(epochs)]


def _is_ours(symbol: Path) -> bool:
    """Whether a symbol carries the digest of its parameters."""
    try:
        return DIGEST_ATTRIBUTE.encode() in read_regular(symbol, _MOST_BYTES)
    except OSError:
        return False  # what is wrong with it is said where it is read


def digest_of(params: Mapping[str, NDArray[Any]]) -> str:
    """A hexadecimal digest of names, types, shapes and values, in their order.

    It tells files of two exports apart, not forged ones: values enter by their CRC-32, at 2 GB/s.
    """
    digest = hashlib.sha256()
    for name, array in params.items():
        values = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        digest.update(f"{name}\n{array.dtype.name}\n{array.shape}\n{values}\n".encode())
    return digest.hexdigest()


def take_digest(attributes: dict[str, Any]) -> Any:
    """Take the digest out of a graph's attributes, since a changed graph has others; or None."""
    entry = attributes.pop(DIGEST_ATTRIBUTE, None)
    return entry[1] if isinstance(entry, list) and len(entry) == 2 else entry


def check_digest(
    wanted: Any, params: Mapping[str, NDArray[Any]], symbol_file: Path, params_file: Path
) -> None:
    """Raise WeightsError when a symbol has the digest of other parameters than those.

    Symbols of other programs and of earlier versions have none (None), and fit all.
    """
    if wanted is not None and wanted != digest_of(params):
        raise WeightsError(
            f"{symbol_file} and {params_file} are of different exports, or were changed since: the "
            f"symbol says that it goes with other parameters; copy or export both anew, or, if "
            f"they were changed on purpose, take {DIGEST_ATTRIBUTE} out of the symbol's attrs"
        )
