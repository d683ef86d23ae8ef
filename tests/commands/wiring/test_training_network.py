"""Named files before a run, and the first weights of what is trained."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.commands.wiring.training_network import check_named_files, training_network
from gluon_ssd.compat import mx
from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.models.weights import save_arrays
from gluon_ssd.training.checkpoint import save_checkpoint
from gluon_ssd.training.team.team import Team
from tests.commands.test_train import command
from tests.training.builders import Second
from tests.training.test_checkpoint_facts import FACTS


@pytest.mark.parametrize("flag", ["--resume", "--pretrained-base"])
def test_named_files_are_looked_at_before_the_data(tmp_path, flag):
    with pytest.raises(WeightsError, match="none.params"):
        check_named_files(command(flag, tmp_path / "none.params"))


@pytest.mark.parametrize("name", ["old.params", "old.npz"])
def test_a_damaged_file_to_resume_from_is_told_before_the_data(tmp_path, name):
    (tmp_path / name).write_bytes(b"0000")
    with pytest.raises(WeightsError, match=f"{name} is .*damaged"):
        check_named_files(command("--resume", tmp_path / name))


@pytest.fixture
def checkpoint(tmp_path):
    """Of the classes dog and cat."""
    network = {"name": "ssd_160_tiny_custom", "data_shape": 160, "classes": ["dog", "cat"]}
    save_checkpoint(tmp_path / "c.npz", {}, {**FACTS, "network": network})
    return tmp_path / "c.npz"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (b"dog\nbird", "^class 1 is 'bird' in --classes .*, and 'cat' in the checkpoint .*c.npz;"),
        (b"cat\ndog", "^class 0 is 'cat' in --classes .*, and 'dog' in the checkpoint"),
        (b"dog", "^class 1 is missing in --classes .*, and 'cat' in the checkpoint"),
        (b"dog\ncat\nbird", "^class 2 is 'bird' in --classes .*, and missing in the checkpoint"),
    ],
    ids=["other", "order", "less", "more"],
)
def test_other_classes_than_those_of_the_checkpoint_are_named(checkpoint, names, message):
    (checkpoint.parent / "names.txt").write_bytes(names)
    asked = ("--resume", checkpoint, "--classes", checkpoint.parent / "names.txt")
    with pytest.raises(OptionError, match=message):
        check_named_files(command(*asked))


def test_the_classes_of_a_kind_of_data_set_are_compared_too(checkpoint):
    openimages = command("--resume", checkpoint, "--dataset", "openimages")
    with pytest.raises(OptionError, match="^class 0 is 'Airplane' in openimages, and 'dog' in the"):
        check_named_files(openimages)


def test_the_classes_of_the_checkpoint_are_right_and_those_of_the_data_seen_later(checkpoint):
    (checkpoint.parent / "names.txt").write_text("dog\ncat\n")
    check_named_files(command("--resume", checkpoint, "--classes", checkpoint.parent / "names.txt"))
    check_named_files(command("--resume", checkpoint))


@pytest.mark.parametrize("base", ["true", "False", "no", "1"])
def test_words_name_no_file(base):
    check_named_files(command("--pretrained-base", base))


def test_a_file_to_resume_from_is_looked_at_alone(tmp_path):
    save_arrays(tmp_path / "old.params", {"a": np.zeros(2, np.float32)})
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
