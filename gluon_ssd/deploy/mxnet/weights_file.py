"""A detector of a parameter file of training: its record says which network the weights are for."""

from __future__ import annotations

from dataclasses import replace

from gluon_ssd.deploy.mxnet.export import trace_detector
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.params_file import read_params
from gluon_ssd.models.record import read_sidecar, sidecar_path
from gluon_ssd.models.weights import load_parameters


def read_weights(path: str) -> Exported:
    """Build the network of a parameter file and trace it, without writing anything.

    Args:
        path: X.params, beside which the record lies as X.json.

    Raises:
        WeightsError: one of the files is missing or damaged, or they do not fit one another.
        ModelError: the record names no network that is known.
    """
    record = read_sidecar(path)
    if record is None:
        read_params(path)  # what is wrong with the file itself is said first
        raise WeightsError(
            f"{path} does not say what network it is for (there is no {sidecar_path(path)}, and no "
            "symbol of an exported pair); put that file beside it, or export the network"
        )
    network = build_network(record.name, classes=record.classes)
    initialize(network)
    load_parameters(network, path)
    return replace(trace_detector(Detector(network, record.decoding), record), name=path)
