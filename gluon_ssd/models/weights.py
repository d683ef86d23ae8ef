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
from gluon_ssd.models.interface import Network, Normalization
from gluon_ssd.models.native_write import file_bytes, write_natively
from gluon_ssd.models.params_file import check_finite, check_variances, mismatch, read_params
from gluon_ssd.models.record import (
    ModelRecord,
    read_sidecar,
    remove_other_sidecar,
    write_sidecar,
)
from gluon_ssd.system.files import atomic_path

_LOG = logging.getLogger(__name__)

_INPUT_FACTS = ("layout", "channel_order", "value_range")


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
        WeightsError: the file is damaged, not finite, belongs to another network, or its record
            says that it wants other input; names and shapes that differ are listed in one line.
    """
    complete_shapes(network)
    parameters = parameters_of(network)
    record, found = read_sidecar(path), read_params(path)
    _check_input(network, record, path)
    arrays = _converted(network, found, path)
    classes = classes_in_file(network, arrays, record, path)
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
            + ("" if record else ", or name theirs, since no record beside them does"),
            settings=("network", "data_shape"),
        )
    for check in (check_finite, check_variances):
        check(fitted, "take the weights of an earlier epoch", f"{os.fspath(path)}: ")
    if change.new or change.dropped or classes != network.classes:
        _LOG.info("class heads adapted: %s", change)
    _note_anchors(network, fitted, path)
    for name, parameter in parameters.items():
        assign(parameter, fitted.get(name), ctx)
    network.weights_from = f"the file {Path(path).name}"
    network.own_normalization = _normalization(network, record, found)
    if network.own_normalization is not None:
        _note_normalization(network, path)
    return change


def take_input(network: Network, path: str | os.PathLike[str]) -> None:
    """Give a network what a file says of its input: normalisation, and the constants of anchors.

    For who prepares images and targets before all weights are loaded. What does not fit is left to
    `load_parameters` to say.

    Args:
        network: initialised.
        path: as of `load_parameters`.

    Raises:
        WeightsError: the file or its record is damaged, or the record says that it wants other
            input than the network gets.
    """
    record, found = read_sidecar(path), read_params(path)
    _check_input(network, record, path)
    network.own_normalization = _normalization(network, record, found)
    arrays = _converted(network, found, path)
    _note_anchors(network, arrays, path)
    take_anchors(network, arrays)


def take_anchors(network: Network, arrays: Mapping[str, Any]) -> None:
    """Put those arrays, by structural name, into a network that are its constants of anchors."""
    parameters = parameters_of(network)
    for name in network.anchor_constants():
        if name in arrays and tuple(arrays[name].shape) == tuple(parameters[name].shape):
            assign(parameters[name], arrays[name])


def _check_input(
    network: Network, record: ModelRecord | None, path: str | os.PathLike[str]
) -> None:
    """Refuse weights whose record wants other images than are made for the network."""
    for field in _INPUT_FACTS if record else ():
        wanted, given = getattr(record, field), getattr(network.spec, field)
        if wanted != given:
            raise WeightsError(
                f"the record of {os.fspath(path)} says that its input has {field} {wanted!r}; "
                f"{network.name} gets {given!r}: give weights that were trained so"
            )


def _normalization(
    network: Network, record: ModelRecord | None, arrays: Mapping[str, Any]
) -> Normalization | None:
    """What the weights of a file want, by its record or its form; None for what the spec has."""
    if record is None:
        return network.trained_normalization(arrays)
    stated = tuple(record.mean), tuple(record.std)
    return None if np.allclose(stated, (network.spec.mean, network.spec.std)) else stated


def _note_normalization(network: Network, path: str | os.PathLike[str]) -> None:
    """Say which input the weights want: a wrong one costs accuracy in silence."""
    mean = ", ".join(f"{255 * value:g}" for value in network.mean)
    _LOG.warning(
        "%s wants RGB minus (%s), as its weights were trained, where %s has minus (%s)",
        os.fspath(path),
        mean,
        network.name,
        ", ".join(f"{255 * value:g}" for value in network.spec.mean),
    )


def _converted(
    network: Network, arrays: Mapping[str, Any], path: str | os.PathLike[str]
) -> dict[str, Any]:
    try:
        return network.converted(arrays)
    except WeightsError as error:
        raise WeightsError(f"{os.fspath(path)}: {error}", settings=error.settings) from error


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
