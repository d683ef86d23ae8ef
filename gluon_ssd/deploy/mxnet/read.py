"""Read a detector from whatever files MXNet has it in."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.files import Exported, read_exported
from gluon_ssd.deploy.mxnet.model_files import is_in_archive
from gluon_ssd.deploy.mxnet.pair import exported_files, plain_prefix


def read_detector(path: str) -> Exported:
    """Graph and arrays of an exported pair, or of the network that a parameter file is for.

    Args:
        path: as of `model_files`; or X.params of training, with its record X.json beside it.

    Raises:
        ModelError, WeightsError, DataError: one line about the file that cannot be used.
    """
    symbol_file, _ = exported_files(plain_prefix(path))
    is_pair = symbol_file.is_file() or is_in_archive(path)
    if path.endswith(".params") and not is_pair:
        # Only now, since an exported pair needs no GluonCV.
        from gluon_ssd.deploy.mxnet.weights_file import read_weights

        return read_weights(path)
    return read_exported(path)
