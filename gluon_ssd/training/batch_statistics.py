"""The batch statistics of a network: which of its arrays they are."""

from __future__ import annotations

import re
from typing import Any

from gluon_ssd.training.optimizer import named_parameters

_STATISTICS = re.compile(r"(running|moving)_(mean|var)$")


def statistics(network: Any) -> dict[str, Any]:
    """MXNet arrays of the batch statistics, by name, on the first device.

    Layers that GluonCV adds to a symbol of the zoo call theirs moving_mean and moving_var. Those
    of frozen layers are not among them, which are the same everywhere and stay as they are.
    """
    parameters = named_parameters(network)

    def is_frozen(name: str) -> bool:
        beside = (parameters.get(_STATISTICS.sub(kind, name)) for kind in ("gamma", "beta"))
        return all(each is None or each.grad_req == "null" for each in beside)

    return {
        name: parameter.list_data()[0]
        for name, parameter in parameters.items()
        if _STATISTICS.search(name) and not is_frozen(name)
    }
