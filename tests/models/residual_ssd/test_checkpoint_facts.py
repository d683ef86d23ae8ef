"""The optimiser's groups in a checkpoint for NVIDIA's script."""

from __future__ import annotations

import numpy as np

from gluon_ssd.models.residual_ssd.checkpoint_facts import checkpoint_facts
from tests.golden_files import golden, names_of


def groups_of(entries):
    facts = checkpoint_facts({name: np.empty(shape, np.float32) for name, shape in entries})
    assert (facts["epoch"], facts["iteration"], facts["scheduler"]) == (0, 0, {})
    assert facts["optimizer"]["state"] == {}
    return facts["optimizer"]["param_groups"]


def test_biases_and_norms_are_not_decayed():
    names = [("c.weight", (2, 3, 1, 1)), ("c.bias", (2,)), ("n.weight", (2,)), ("n.bias", (2,))]
    buffers = [("n.running_mean", (2,)), ("n.running_var", (2,)), ("n.num_batches_tracked", ())]
    plain, decayed = groups_of(names + buffers)
    assert (plain["params"], plain["weight_decay"]) == ([0, 1, 2], 0.0)
    assert (decayed["params"], decayed["weight_decay"]) == ([3], 5e-4)
    assert plain["lr"] == decayed["lr"] == 2.6e-3 and plain["momentum"] == 0.9


def test_the_groups_are_those_of_the_published_code():
    split = golden("nvidia_ssd300")["resnet18.decay_split"].tolist()
    plain, decayed = groups_of(names_of("nvidia_ssd300_resnet18")["state_dict"])
    assert [len(plain["params"]), len(decayed["params"])] == [split[0], split[2]]
