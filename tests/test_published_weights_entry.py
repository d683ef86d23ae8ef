"""Published files are taken wherever this project's own are: one command, no conversion before."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from tests.commands.test_convert_weights import published
from tests.entry_builders import one_error, run_script, voc_set
from tests.models.backbones.builders import classifier
from gluon_ssd.models.torch_file.writer import write_state_dict

CLASSES = ("cat", "dog")
NETWORK = ("--network", "ssd300_resnet18", "--dataset", "custom", "-j", 0)
TRAIN = (*NETWORK, "--batch-size", 2, "--gpus", "", "--limit-steps", 1, "--lr", 1e-6)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = voc_set(tmp_path_factory.mktemp("data") / "set")
    (folder / "names.txt").write_text("\n".join(CLASSES))
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint as the published script writes it; not to be written to."""
    path = tmp_path_factory.mktemp("published") / "epoch_64.pt"
    arrays = published("ssd300_resnet18_custom", CLASSES)
    write_state_dict(path, {f"module.{n}": a for n, a in arrays.items()}, below="model")
    return path


def test_evaluation_of_a_published_checkpoint(checkpoint, data, tmp_path):
    names = ("--classes", data / "names.txt")
    argv = (*NETWORK, "--dataset-root", data, "--batch-size", 2)
    convert = ("--input", checkpoint, "--output", tmp_path / "own.params")
    assert run_script("scripts/convert_weights.py", *convert, *names).code == 0
    results = []
    for weights, more in ((checkpoint, names), (tmp_path / "own.params", ())):
        found = tmp_path / f"{weights.stem}.json"
        save = ("--pretrained", weights, "--save-detections", found)
        ended = run_script("eval_ssd.py", *argv, *save, *more)
        assert ended.code == 0, ended.err
        results.append(found.read_text())
    assert results[0] == results[1] and results[0].count("score") > 10


def test_classes_must_be_named(checkpoint, data):
    ended = run_script(
        "eval_ssd.py", *NETWORK, "--dataset-root", data, "--pretrained", checkpoint
    )
    assert "does not say the names of its classes" in one_error(ended)


def trained(data, out, *argv):
    """Arrays after one step at almost no learning rate."""
    where = ("--dataset-root", data, "--save-prefix", f"{out}/", "--epochs", 1)
    ended = run_script("train_ssd.py", *TRAIN, *where, *argv)
    assert ended.code == 0, ended.err
    (params,) = out.glob("*_last.params") or out.glob("*.params")
    return mx.nd.load(str(params)), ended


def test_training_goes_on_from_a_published_checkpoint(checkpoint, data, out):
    pass
