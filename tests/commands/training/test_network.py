"""The first weights of a training run, and which layers keep theirs."""

from __future__ import annotations

import pytest

from gluon_ssd.commands.training.network import training_network
from gluon_ssd.compat import mx
from gluon_ssd.options.declare import parse
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.training.team.team import Team
from tests.training.builders import Second

TINY = ("--network", "tiny", "--data-shape", "160", "--dataset", "custom", "--gpus", "")


def command(*argv):
    argv = [*TINY, *map(str, argv)]
    return parse(TrainCommand, argv, prog="train_ssd.py", description="")


def test_a_seed_decides_the_first_weights():
    def first(seed):
        asked = command("--pretrained-base", "false", "--seed", seed)
        network = training_network(asked, ("cat",), [mx.cpu()], Team())
        assert network.classes == ("cat",)
        heads = [name for name in network.class_heads() if name.endswith("weight")]
        return network._collect_params_with_prefix()[heads[0]].data().asnumpy()

    assert (first(1) == first(1)).all() and (first(1) != first(2)).any()


@pytest.mark.parametrize(("base", "trained"), [("base.params", 22700032), ("false", 22911680)])
def test_a_process_that_does_not_load_the_base_freezes_the_same_layers(base, trained):
    argv = ("--network", "retinanet_resnext50_32x4d", "--pretrained-base", base)
    network = training_network(command(*argv), ("a", "b"), [mx.cpu()], Second())
    body = network.backbone.body.collect_params().values()
    assert sum(mx.nd.size_array(p.data()).asscalar() for p in body if p.grad_req != "null") == (
        trained
    )
