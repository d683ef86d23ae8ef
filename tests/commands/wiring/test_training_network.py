"""Named files before a run, and the first weights of what is trained."""

from __future__ import annotations

import pytest

from gluon_ssd.commands.wiring.training_network import check_named_files, training_network
from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.training.team.team import Team
from tests.commands.test_train import command
from tests.training.builders import Second


@pytest.mark.parametrize("flag", ["--resume", "--pretrained-base"])
def test_named_files_are_looked_at_before_the_data(tmp_path, flag):
    with pytest.raises(WeightsError, match="none.params"):
        check_named_files(command(flag, tmp_path / "none.params"))


@pytest.mark.parametrize("base", ["true", "False", "no", "1"])
def test_words_name_no_file(base):
    check_named_files(command("--pretrained-base", base))


def test_a_file_to_resume_from_is_looked_at_alone(tmp_path):
    (tmp_path / "old.params").write_bytes(b"0000")
    check_named_files(command("--resume", tmp_path / "old.params", "--pretrained-base", "none"))


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
