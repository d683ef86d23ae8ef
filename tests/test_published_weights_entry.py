"""Published files are taken wherever this project's own are: one command, no conversion before."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.families.build import build_network
from gluon_ssd.models.backbones.torchvision_weights import our_arrays
from gluon_ssd.models.torch_file.writer import write_state_dict
from tests.commands.test_convert_weights import published
from tests.entry_builders import one_error, run_script, voc_set
from tests.models.backbones.builders import classifier

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
    ended = run_script("eval_ssd.py", *NETWORK, "--dataset-root", data, "--pretrained", checkpoint)
    assert "does not say the names of its classes" in one_error(ended)


def trained(data, out, *argv):
    """Arrays of the last weights after one step that changes next to nothing, and the log."""
    where = ("--dataset-root", data, "--save-prefix", f"{out}/", "--epochs", 1)
    ended = run_script("train_ssd.py", *TRAIN, *where, *argv)
    assert ended.code == 0, ended.err
    with np.load(out / "ssd300_resnet18_custom_checkpoint.npz", allow_pickle=False) as file:
        weights = {key: file[key] for key in file.files if key.startswith("weights/")}
    return weights, ended.err


def differences(weights, wanted):
    """Largest difference of each array of `wanted` that is no batch statistic."""
    return {
        name: np.abs(weights[f"weights/{name}"] - array).max()
        for name, array in wanted.items()
        if "running_" not in name
    }


def test_training_goes_on_from_a_published_checkpoint(checkpoint, data, out):
    weights, _ = trained(data, out, "--resume", checkpoint)
    own = build_network("ssd300_resnet18_custom", classes=CLASSES)
    wanted = own.converted(published("ssd300_resnet18_custom", CLASSES))
    found = differences(weights, wanted)
    assert len(found) == 99 and max(found.values()) < 1e-3


def test_training_starts_from_a_published_backbone(data, out, tmp_path):
    arrays = classifier("resnet18")
    write_state_dict(tmp_path / "resnet18-f37072fd.pth", arrays)
    weights, _ = trained(data, out, "--pretrained-base", tmp_path / "resnet18-f37072fd.pth")
    wanted = {
        f"backbone.{name}": array
        for name, array in our_arrays(arrays).items()
        if not name.startswith(("fc.", "layer4."))
    }
    found = differences(weights, wanted)
    assert len(found) == 45 and max(found.values()) < 1e-4


def test_a_run_without_weights_says_where_there_are_some(data, out):
    _, log = trained(data, out, "--pretrained-base", "true")
    assert (
        "ssd300_resnet18_custom starts from random weights; ImageNet weights are not fetched, get "
        "torchvision's resnet18, resnet18-f37072fd.pth from download.pytorch.org/models, and name "
        "the file with --pretrained-base FILE"
    ) in log
