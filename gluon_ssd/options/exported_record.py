"""What an exported model says of itself, beside what options say of it.

An exported model needs neither `--network` nor `--data-shape`, and GluonCV's command lines have
both. Options that agree with its files pass; a contradiction is refused.
"""

from __future__ import annotations

import logging

from gluon_ssd.errors import OptionError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.models.spec import Spec

_log = logging.getLogger(__name__)


def check_exported(
    prefix: str,
    record: ModelRecord | None,
    *,
    network: str = "",
    own_hw: tuple[int, int] | None = None,
    asked_hw: tuple[int, int] | None = None,
) -> None:
    """Refuse a network or a size that was asked for and is not that of an exported model.

    A line tells that `network` is not used where the files do not say which one they hold.

    Args:
        prefix: of the model, as it was given.
        record: what its files say; None where they say nothing.
        network: a word of --network, or a full name; empty for none.
        own_hw: height and width of the images that it takes, px; None where nothing says them.
        asked_hw: those that were asked for; None for none.

    Raises:
        OptionError: the line names both sides.
    """
    if network:
        _check_network(prefix, record, network)
    if asked_hw and own_hw and asked_hw != own_hw:
        raise OptionError(
            f"--data-shape {asked_hw[0]} does not fit {prefix}, which was exported for {own_hw[0]} "
            "pixels; give that size, or none, or name another model"
        )


def _check_network(prefix: str, record: ModelRecord | None, network: str) -> None:
    spec = _spec(record)
    if spec is None:
        _log.warning(
            "%s does not say which network it is, so that --network %s is not used", prefix, network
        )
    elif network not in (spec.network, spec.name, spec.int8_of):
        raise OptionError(
            f"--network {network} was given, and {prefix} says that it is {spec.name}; leave out "
            "--network, or name another model"
        )


def _spec(record: ModelRecord | None) -> Spec | None:
    from gluon_ssd.families.catalog import SPECS  # a table that --help need not wait for

    spec = SPECS.get(record.name) if record else None
    # Detectors of other projects are called what their files are called.
    return spec if spec and record and spec.family == record.family else None
