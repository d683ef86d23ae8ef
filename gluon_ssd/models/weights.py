"""Load, adapt and save the parameters of a network; nothing here reaches for the internet."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.class_heads import ClassChange, adapt_heads, classes_in_file
from gluon_ssd.models.first_weights import assign, complete_shapes, is_constant, parameters_of
from gluon_ssd.models.interface import Network
from gluon_ssd.models.native_write import file_bytes, write_natively
from gluon_ssd.models.params_file import check_finite, mismatch, read_params
from gluon_ssd.models.record import read_sidecar, remove_other_sidecar, write_sidecar
from gluon_ssd.system.files import atomic_path

_LOG = logging.getLogger(__name__)


def load_parameters(
    network: Network, path: str | os.PathLike[str], ctx: Any = None, *, seed: int = 0
) -> ClassChange:
    """Load a detector's weights; class heads are adapted by class name where classes differ.

    Args:
        network: initialised or not; changed only when the whole file fits.
        path: from `save_parameters` here or in GluonCV (zoo files), or from an export.
        ctx: device or devices to load to; by default where the network is, CPU for a new one.
        seed: for the heads of classes that the file does not know.

    Returns:
        What became of the classes.

    Raises:
        WeightsError: the file is damaged, not finite, or belongs to another network; names and
            shapes that differ are listed in one line.
    """
    complete_shapes(network)
    parameters = parameters_of(network)
    arrays = network.converted(read_params(path))
    classes = classes_in_file(network, arrays, read_sidecar(path), path)
    fitted, change = adapt_heads(network, arrays, classes, seed)
    wanted = {
        name: tuple(parameter.shape)
        for name, parameter in parameters.items()
        # Anchors are constants; files made for deployment may lack them.
        if name in fitted or not is_constant(parameter)
    }
    difference = mismatch(wanted, {name: tuple(a.shape) for name, a in fitted.items()})
    if difference:
        raise WeightsError(
            f"{os.fspath(path)} does not fit {network.name}: {difference}; "
            "give the weights of this network"
        )
    check_finite(fitted, "take the weights of an earlier epoch", f"{os.fspath(path)}: ")
    if change.new or change.dropped or classes != network.classes:
        _LOG.info("class heads adapted: %s", change)
    _note_anchors(network, fitted, path)
    for name, parameter in parameters.items():
        assign(parameter, fitted.get(name), ctx)
    network.weights_from = f"the file {Path(path).name}"
    return change


def _note_anchors(
    network: Network, arrays: Mapping[str, Any], path: str | os.PathLike[str]
) -> None:
    """Warn when a file brings other anchors: its boxes only make sense with them."""
    parameters = parameters_of(network)
    pairs = [(parameters[n].value, arrays[n]) for n in network.anchor_constants() if n in arrays]
    if not all(np.allclose(own.asnumpy(), new, rtol=1e-5) for own, new in pairs):
        _LOG.warning(
            "%s was trained with other anchors than this network has; the file's are used",
            os.fspath(path),
        )


def save_parameters(network: Network, path: str | os.PathLike[str]) -> None:
    """Write the weights to `X.params`, and the record of the model beside them, to `X.json`.

    Earlier weights stay as they were unless all is written. Raises EnvironmentProblem when the
    files cannot be written.
    """
    num_bytes, record = file_bytes(parameters_of(network)), network.record()
    with atomic_path(path) as temporary:
        write_natively(temporary, num_bytes, network.save_parameters)
        remove_other_sidecar(path, record)
    write_sidecar(path, record)


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Write named arrays of no detector to a `.params` file; errors as of `save_parameters`."""
    own = {name: mx.nd.array(array) for name, array in arrays.items()}
    with atomic_path(path) as temporary:
        write_natively(temporary, file_bytes(own), lambda name: mx.nd.save(name, own))
