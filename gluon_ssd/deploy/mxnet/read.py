"""Read a detector from whatever files MXNet has it in."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.model_files import is_in_archive
from gluon_ssd.deploy.mxnet.pair import exported_files, plain_prefix
from gluon_ssd.deploy.mxnet.read_pair import heeding, read_pair
from gluon_ssd.deploy.told import NOTHING, Told


def read_detector(
    path: str, *, told: Told = NOTHING, input_size_hw: tuple[int, int] | None = None
) -> Exported:
    """Graph and arrays of an exported pair, or of the network that a parameter file is for.

    Args:
        path: as of `model_files`; or X.params of training, with its record X.json beside it.
        told, input_size_hw: as of `read_pair`.

    Raises:
        ModelError, WeightsError, DataError: one line about the file that cannot be used.
        OptionError: as of `read_pair`.
    """
    symbol_file, _ = exported_files(plain_prefix(path))
    is_pair = symbol_file.is_file() or is_in_archive(path)
    if path.endswith(".params") and not is_pair:
        # Only now, since an exported pair needs no GluonCV.
        from gluon_ssd.deploy.mxnet.weights_file import read_weights

        return heeding(read_weights(path), told)
    return read_pair(path, told=told, input_size_hw=input_size_hw)
