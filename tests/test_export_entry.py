"""scripts/export_ssd.py: what it writes is the network, and carries what is needed to use it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.detection.decoding import Decoding
from tests.entry_builders import (
    NETWORK,
    SMALL,
    evaluate,
    export,
    found_set,
    leftovers,
    one_error,
    run_script,
    sure_weights,
)

CLASSES = ("cat", "dog")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return sure_weights(tmp_path_factory.mktemp("weights") / "sure.params", CLASSES)


@pytest.fixture(scope="module", params=[(), ("--no-fuse",)], ids=["fused", "as_written"])
def exported(request, weights, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("exported") / "new" / "cats"
    ended = export(weights, prefix, *request.param)
    assert ended.code == 0, ended.err
    return prefix, ended, request.param


def operators(prefix):
    return {node["op"] for node in json.loads(Path(f"{prefix}-symbol.json").read_text())["nodes"]}


def test_two_files_and_one_line(exported):
    prefix, ended, _ = exported
    assert ended.out == (
        f"wrote {prefix}-symbol.json and {prefix}-0000.params ({NETWORK}, 2 classes); "
        "read back and compared\n"
    )
    names = sorted(path.name for path in prefix.parent.iterdir())
    assert names == ["cats-0000.params", "cats-symbol.json"]


def test_batch_norm_is_folded_unless_told_otherwise(exported):
    prefix, _, argv = exported
    assert ("BatchNorm" in operators(prefix)) == bool(argv)


def test_plain_mxnet_runs_the_files(exported):
    prefix = str(exported[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MXNet asks for the type of the input, which it knows
        block = mx.gluon.SymbolBlock.imports(
            f"{prefix}-symbol.json", ["data"], f"{prefix}-0000.params"
        )
    ids, scores, boxes = block(mx.nd.zeros((2, 3, 300, 300)))
    assert (ids.shape, scores.shape, boxes.shape) == ((2, 100, 1), (2, 100, 1), (2, 100, 4))


def test_symbol_carries_name_classes_size_and_normalisation(exported):
    saved = load_deployed(str(exported[0])).record
    assert (saved.name, saved.classes, saved.input_size_hw) == (NETWORK, CLASSES, (300, 300))
    assert saved.mean == (0.485, 0.456, 0.406)
    assert saved.std == (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def data(tmp_path_factory, weights):
    return found_set(tmp_path_factory.mktemp("data") / "set", weights)


def detections(data, weights, folder, *argv):
    ended = evaluate(data, weights, "--save-detections", folder / "d.json", *argv)
    assert ended.code == 0, ended.err
    return ended, json.loads((folder / "d.json").read_text())["detections"]


@pytest.fixture(scope="module")
def live(data, weights, tmp_path_factory):
    return detections(data, weights, tmp_path_factory.mktemp("live"))


def test_evaluation_of_the_export_is_that_of_the_live_network(exported, data, live, tmp_path):
    """No --classes and no --network: all of it travels with the symbol."""
    deployed = ("--deploy", "--model-prefix", exported[0])
    ended, found = detections(data, None, tmp_path, *deployed)
    assert ended.out.splitlines()[2:] == live[0].out.splitlines()[2:]
    assert ended.out.splitlines()[2].startswith("cat ")
    assert len(found) == len(live[1]) == 500
    strong = [(row, other) for row, other in zip(found, live[1], strict=True) if row["score"] > 0.7]
    assert len(strong) > 40
    for row, other in strong:
        assert (row["image"], row["class"]) == (other["image"], other["class"])
        np.testing.assert_allclose(row["box_px"], other["box_px"], atol=0.05)
        assert row["score"] == pytest.approx(other["score"], abs=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data-shape", 512), "--data-shape 512 does not fit {}, which was exported for 300"),
        (("--network", "vgg16_atrous"), "--network vgg16_atrous was given, and {} says that it is"),
    ],
)
def test_another_size_or_network_than_that_of_the_export_is_refused(exported, data, options, said):
    deployed = ("--deploy", "--model-prefix", exported[0])
    ended = evaluate(data, None, *deployed, *options)
    assert ended.code == 2
    assert said.format(exported[0]) in one_error(ended)


def test_suppression_is_baked_in(weights, data, tmp_path):
    assert export(weights, tmp_path / "few", "--post-nms", 3).code == 0
    deployed = ("--deploy", "--model-prefix", tmp_path / "few")
    _, found = detections(data, None, tmp_path, *deployed)
    assert len(found) == 5 * 3
    saved = load_deployed(str(tmp_path / "few")).record
    assert saved.decoding == Decoding(nms_thresh=0.45, nms_topk=400, post_nms=3)


def test_earlier_export_is_replaced(weights, tmp_path):
    prefix = tmp_path / "model"
    for name in ("model-symbol.json", "model-0000.params"):
        (tmp_path / name).write_text("earlier")
    assert export(weights, prefix).code == 0
    assert load_deployed(str(prefix)).record.classes == CLASSES
    assert leftovers(tmp_path) == []


def test_weights_without_record_need_the_classes_file(weights, tmp_path):
    bare = tmp_path / "bare.params"
    bare.write_bytes(weights.read_bytes())
    message = one_error(export(bare, tmp_path / "model"))
    assert message == (
        f"error: {bare} does not say the names of its classes (there is no "
        f"{bare.with_suffix('.json')}); give them with --classes FILE"
    )
    (tmp_path / "names.txt").write_text("ant\nbee\n")
    assert export(bare, tmp_path / "model", "--classes", tmp_path / "names.txt").code == 0
    assert load_deployed(str(tmp_path / "model")).record.classes == ("ant", "bee")


def test_output_is_needed():
    ended = run_script("scripts/export_ssd.py", "--network", "mobilenet0.25")
    assert one_error(ended) == (
        "error: --output PREFIX is needed: where to write the exported model"
    )


def test_exported_model_is_benchmarked_as_deploy(exported):
    ended = run_script(
        *("eval_ssd.py", *SMALL, "--deploy", "--model-prefix", exported[0]),
        *("--benchmark", "--batch-size", 1, "--num-iterations", 3),
    )
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[1] == "-----benchmarking on deploy -----"
    assert lines[2].startswith("Inference speed on deploy, with batchsize 1 is ")
