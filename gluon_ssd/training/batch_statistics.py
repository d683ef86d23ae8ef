"""The batch statistics of a network: which of its arrays they are, and when they may be read.

MXNet's batch norm writes them in the backward pass, as inputs that it changes, and a static block
(`hybridize(static_alloc=True)`) does not tell the engine so. An operation that reads them is not
ordered with the pass that writes them: whoever reads waits for all work first, or has the operation
take a trained parameter of the same layer as well, whose update follows its backward pass.
"""

from __future__ import annotations

import re
from typing import Any

from gluon_ssd.training.optimizer import named_parameters

_STATISTICS = re.compile(r"(running|moving)_(mean|var)$")


def statistics(network: Any) -> dict[str, Any]:
    """MXNet arrays of the batch statistics, by name, on the first device; see above.

    Layers that GluonCV adds to a symbol of the zoo call theirs moving_mean and moving_var. Those
    of frozen layers are not among them, which are the same everywhere and stay as they are.
    """
    named = named_parameters(network)
    return {name: named[name].list_data()[0] for name in trained_beside(network)}


def trained_beside(network: Any) -> dict[str, str]:
    """Name of a batch statistic -> name of gamma or beta of its layer, whichever is trained.

    Frozen layers, which have none, are left out.
    """
    named = named_parameters(network)
    found = {}
    for name in filter(_STATISTICS.search, named):
        beside = (_STATISTICS.sub(kind, name) for kind in ("gamma", "beta"))
        trained = [each for each in beside if each in named and named[each].grad_req != "null"]
        if trained:
            found[name] = trained[0]
    return found
