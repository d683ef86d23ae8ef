"""Read and compare parameter files, and say in one line what is wrong with one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.array_file import read_array_file
from gluon_ssd.models.torch_file.state_dict import is_torch_file, read_state_dict
from gluon_ssd.system.files import is_zip
from gluon_ssd.system.regular_file import open_regular
from gluon_ssd.system.wording import some_of

_PICKLE = b"\x80"  # how every pickle since protocol 2 starts, and no parameter file
_VARIANCES = ("running_var", "moving_var")
LEAST_VARIANCE = -1e-8
"""MXNet computes a variance from its rounded root, less epsilon: a channel that never changes gets
-7.8e-13 with an epsilon of 1e-5. Such files are sound, as epsilon is added before the root."""
_MARKS = ("arg:", "aux:")  # before the names in an exported file


def read_params(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Load a file of named arrays; what it is shows in its first bytes, not in its name.

    Args:
        path: written by `save_parameters`, by `export` (names `arg:...`, `aux:...`; the marks are
            taken off), by the older `save_params`, or by `torch.save` (see `read_state_dict`).

    Returns:
        Name to array, in the file's order; at least one. See `read_array_file` for the types.

    Raises:
        WeightsError: missing, unreadable, cut off, no parameter file, a checkpoint, or empty.
    """
    file = os.fspath(path)
    if not Path(file).exists() or Path(file).is_dir():
        what = "is a folder" if Path(file).is_dir() else "does not exist"
        raise WeightsError(f"the parameter file {file} {what}; give the path of a .params file")
    try:
        return _read(file)
    except OSError as error:
        raise WeightsError(f"cannot read {file}: {error.strerror}") from error


def _read(file: str) -> dict[str, NDArray[Any]]:
    with open_regular(file) as opened:
        is_pickle = opened.read(1) == _PICKLE
    if is_torch_file(file):
        return read_state_dict(file)
    if is_pickle:
        raise WeightsError(
            f"{file} is a pickle, which is not read, since reading one can run code; give a "
            ".params file, or a .pt or .pth file that torch.save has written"
        )
    if is_zip(file):  # as the .npz of a checkpoint is
        best = f"{file.removesuffix('.npz').removesuffix('_checkpoint')}_best.params"
        raise WeightsError(
            f"{file} is a checkpoint, which only a training run resumes from; give the weights "
            f"of that run here, such as {best}"
        )
    arrays = read_array_file(file)
    plain = {_unmarked(name): array for name, array in arrays.items()}
    if len(plain) < len(arrays):
        twice = [name for name in arrays if _unmarked(name) != name and name[4:] in arrays]
        shown = some_of(twice) or "one with arg: and with aux:"
        raise WeightsError(
            f"{file} holds several arrays of one name ({shown}); export the model anew"
        )
    return plain


def _unmarked(name: str) -> str:
    return name[4:] if name.startswith(_MARKS) else name


def check_finite(arrays: Mapping[str, NDArray[Any]], advice: str, where: str = "") -> None:
    """Raise WeightsError, with the place in front and the advice behind, unless all are finite."""
    broken = [name for name, array in arrays.items() if not _is_finite(array)]
    if broken:
        raise WeightsError(
            f"{where}{len(broken)} weights are not finite, the first is {broken[0]}; {advice}"
        )


def check_variances(arrays: Mapping[str, NDArray[Any]], advice: str, where: str = "") -> None:
    """Raise WeightsError where a batch norm's variance is below 0 by more than rounding leaves.

    The arguments are those of `check_finite`.
    """
    for name, array in arrays.items():
        if name.endswith(_VARIANCES) and array.size and array.min() < LEAST_VARIANCE:
            raise WeightsError(
                f"{where}the variance is below 0 in {name} ({array.min():g}), of which a batch "
                f"norm takes the root; {advice}"
            )


def _is_finite(array: NDArray[Any]) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def mismatch(
    wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> str | None:
    """One phrase on where named shapes of a network and of a file differ; None when nowhere."""
    differences = {
        "arrays missing": [f"{name} {wanted[name]}" for name in wanted if name not in found],
        "too many": [f"{name} {found[name]}" for name in found if name not in wanted],
        "of another shape": [
            f"{name} {found[name]} for {shape}"
            for name, shape in wanted.items()
            if name in found and found[name] != shape
        ],
    }
    told = (f"{len(n)} {what} ({some_of(n)})" for what, n in differences.items() if n)
    return ", ".join(told) or None
