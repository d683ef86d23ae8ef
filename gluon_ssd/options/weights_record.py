"""What the record beside a file of weights says, so that no option has to say it again.

`train_ssd.py` writes X.json beside X.params: the name of the network, and the size of its input. A
command that takes weights asks here before its options get their defaults. A checkpoint says both
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.models.record import ModelRecord, read_sidecar, sidecar_path
from gluon_ssd.models.spec import Spec
from gluon_ssd.options.shared import means_no_weights, wants_zoo_weights
from gluon_ssd.training.saved_network import saved_network


def options_of_record(
    weights: str, given: Mapping[str, Any], *, fixes_dataset: bool = True
) -> dict[str, Any]:
    """Options `network` and `data_shape` as the record beside weights has them.

    Args:
        weights: the option that names the file, or says that there is none.
        given: the options so far, by name. A `network` is a word, or a full name.
        fixes_dataset: whether the network is that of the record, whatever the data set is; else
            the data set chooses among those of its kind, as in training.

    Returns:
        What to put in place of those given, which agree; nothing where there is no record.

    Raises:
        OptionError: what was given says another network or size; the line names both sides.
        WeightsError: the record is damaged, or names no network that is known.
    """
    record = record_of(weights)
    if record is None:
        return {}
    spec = _spec(record, weights)
    _check_network(given.get("network"), spec, weights, fixes_dataset)
    side = _side(given.get("data_shape"), record, spec, weights)
    if fixes_dataset:
        return {"network": spec.name, "data_shape": side}
    return {"network": given.get("network") or spec.network, "data_shape": side}


def options_of_checkpoint(path: str, given: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    """Options `network` and `data_shape` of a run that goes on from a checkpoint.

    Args:
        path: of a file, whatever it is.
        given: as of `options_of_record`.
        dataset: kind of data set.

    Returns:
        What to put in place of those given, which agree; nothing where the file is no checkpoint,
        or one that its reader will refuse.

    Raises:
        OptionError: what was given says another network, size or data set than the checkpoint,
            which goes on with its own alone; the line names both sides.
        WeightsError: it is of no network that is known.
    """
    from gluon_ssd.families.catalog import SPECS, is_for, usual_size  # --help need not wait for it

    saved = saved_network(path)
    if saved is None:
        return {}
    if saved.name not in SPECS:
        raise WeightsError(f"{path} is a checkpoint of {saved.name}, a network that is not known")
    spec, source = SPECS[saved.name], f"the checkpoint {path} is of {saved.name}"
    network, side = given.get("network"), given.get("data_shape")
    if network not in (None, "", spec.network, spec.name):
        raise _contradiction("--network", network, source)
    own = saved.side or spec.input_size_hw[0]
    if side and side != own:
        raise _contradiction("--data-shape", side, f"{source}, {own} pixels")
    if not is_for(spec.name, dataset):
        raise OptionError(
            f"{source}, a network for {spec.dataset}, and --dataset is {dataset}; give the data "
            "set of that run, or start anew from its weights (.params)"
        )
    network = network or spec.network
    # What need not be said stays as it was, so that the run's options are those of the checkpoint.
    return {"network": network, "data_shape": side if own == usual_size(network) else own}


def _contradiction(flag: str, value: object, source: str) -> OptionError:
    return OptionError(
        f"{flag} {value} was given, and {source}; leave out {flag}, or name another checkpoint, or "
        "start anew from weights (.params)"
    )


def record_of(weights: str) -> ModelRecord | None:
    """The record beside the file that an option of weights names; None where there is none.

    A checkpoint (.npz) has none: see `options_of_checkpoint`. Raises WeightsError for a damaged
    record.
    """
    if not weights or wants_zoo_weights(weights) or means_no_weights(weights):
        return None
    return None if weights.lower().endswith(".npz") else read_sidecar(weights)


def _spec(record: ModelRecord, weights: str) -> Spec:
    from gluon_ssd.families.catalog import SPECS  # a table that --help need not wait for

    if record.name not in SPECS:
        raise WeightsError(
            f"{sidecar_path(weights)} says that {weights} is of {record.name}, a network that is "
            "not known here"
        )
    return SPECS[record.name]


def _check_network(given: str | None, spec: Spec, weights: str, fixes_dataset: bool) -> None:
    from gluon_ssd.families.catalog import SPECS  # as above

    if given in (None, "", spec.network, spec.name):
        return
    if not fixes_dataset and given in SPECS and SPECS[given].network == spec.network:
        return
    raise OptionError(
        f"--network {given} was given, and the record beside {weights} says {spec.name}; leave out "
        "--network, or name other weights"
    )


def _side(given: int | None, record: ModelRecord, spec: Spec, weights: str) -> int:
    own, width = record.input_size_hw
    if own != width:
        raise WeightsError(
            f"{sidecar_path(weights)} says an input of {own} x {width} pixels; the input of "
            f"{spec.name} is a square"
        )
    if not given or given == own:
        return own
    if spec.any_size:
        return given
    raise OptionError(
        f"--data-shape {given} was given, and the record beside {weights} says {own} pixels "
        f"({spec.name}); leave out --data-shape, or name other weights"
    )
