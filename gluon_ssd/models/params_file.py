"""Read and compare parameter files, and say in one line what is wrong with one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.state_dict import is_torch_file, read_state_dict
from gluon_ssd.system.files import is_zip
from gluon_ssd.system.wording import some_of

_PICKLE = b"\x80"  # how every pickle since protocol 2 starts, and no parameter file


def read_params(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Load a file of named arrays; what it is shows in its first bytes, not in its name.

    Args:
        path: written by `save_parameters`, by `export` (names `arg:...`, `aux:...`; the marks are
            taken off), by the older `save_params`, or by `torch.save` (see `read_state_dict`).

    Returns:
        Name to array on the CPU, in the file's order; at least one. NumPy arrays of a torch file,
        else MXNet arrays.

    Raises:
        WeightsError: missing, unreadable, cut off, no parameter file, a checkpoint, or empty.
    """
    file = os.fspath(path)
    if not Path(file).is_file():
        what = "is a folder" if Path(file).is_dir() else "does not exist"
        raise WeightsError(f"the parameter file {file} {what}; give the path of a .params file")
    try:
        if is_torch_file(file):
            return read_state_dict(file)
        if _is_pickle(file):
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
        arrays = mx.nd.load(file)
    except OSError as error:
        raise WeightsError(f"cannot read {file}: {error.strerror}") from error
    except (mx.base.MXNetError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{file} is no MXNet parameter file, or it is damaged or cut off; copy or fetch it anew"
        ) from error
    if not isinstance(arrays, dict) or not arrays:
        raise WeightsError(
            f"{file} holds no named arrays, it holds {len(arrays)} arrays without names; give a "
            ".params file of a network"
        )
    return {name.removeprefix("arg:").removeprefix("aux:"): a for name, a in arrays.items()}


def _is_pickle(file: str) -> bool:
    with open(file, "rb") as opened:
        return opened.read(1) == _PICKLE


def as_numpy(array: Any) -> NDArray[Any]:
    """An MXNet or NumPy array as a NumPy one."""
    return array if isinstance(array, np.ndarray) else array.asnumpy()


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
