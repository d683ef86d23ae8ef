"""scripts/convert_weights.py: there and back, every published family, every form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import COCO_CLASSES
from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.models.record import read_sidecar
from gluon_ssd.models.torch_file.state_dict import read_state_dict
from gluon_ssd.models.torch_file.writer import write_state_dict
from gluon_ssd.models.torch_file.zip_file import ZipFile
from tests.entry_builders import arrays_of, one_error, run_script
from tests.golden_files import names_of
from tests.golden_rule import state_dict, weight
from tests.models.backbones.builders import classifier
from tests.other_mxnet import MODELS, RuleModel, needs_other_mxnet


def convert(source: object, target: object, *argv: object):
    """Run the script."""
    script = "scripts/convert_weights.py"
    return run_script(script, "--input", source, "--output", target, *argv)


def published(name: str, classes=None) -> dict[str, np.ndarray]:
    """Rule-made weights of a network by published names."""
    network = build_network(name, classes=classes)
    empty = {n: np.zeros(p.shape, np.float32) for n, p in parameters_of(network).items()}
    return {n: weight(n, a.shape) for n, a in network.published(empty).items()}


def assert_equal(found, wanted) -> None:
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize(
    ("names", "network", "num_classes"),
    [
        ("nvidia_ssd300_resnet18", "ssd300_resnet18_coco", 80),
        ("mlperf_ssd_r34", "ssd_resnet34_300_coco", 80),
        ("mlperf_retinanet", "retinanet_resnext50_32x4d_openimages", 264),
    ],
)
def test_published_weights_come_back_bit_for_bit(names, network, num_classes, tmp_path: Path):
    """Of every family: .pt -> .params -> .pt."""
    arrays = state_dict([*names_of(names)["state_dict"]])
    write_state_dict(tmp_path / "a.pt", arrays, below="model", facts={"epoch": 3})
    ended = convert(tmp_path / "a.pt", tmp_path / "b.params")
    line = f"wrote {tmp_path}/b.params and {tmp_path}/b.json ({network}, {num_classes} classes)\n"
    assert (ended.code, ended.out) == (0, line), ended.err
    record = read_sidecar(tmp_path / "b.params")
    assert record is not None and record.name == network and len(record.classes) == num_classes
    assert record.weights_from == "the file a.pt"
    ended = convert(tmp_path / "b.params", tmp_path / "c.pt", "--to", "torch")
    assert (ended.code, ended.out) == (
        0,
        f"wrote {tmp_path}/c.pt ({network}, {num_classes} classes)\n",
    )
    assert_equal(read_state_dict(tmp_path / "c.pt"), arrays)


@pytest.fixture(scope="module")
def small():
    return published("ssd300_resnet18_coco")


@pytest.fixture(scope="module")
def small_file(small, tmp_path_factory):
    """A checkpoint of ssd300_resnet18; not to be written to."""
    path = tmp_path_factory.mktemp("small") / "small.pt"
    write_state_dict(path, small, below="model", facts={"epoch": 3})
    return path


def test_a_checkpoint_for_the_published_scripts(small_file, tmp_path: Path):
    assert convert(small_file, tmp_path / "b.pt", "--to", "torch").code == 0
    root = ZipFile(str(tmp_path / "b.pt")).root
    assert root["label_map"] == dict(enumerate(("background", *COCO_CLASSES)))
    assert {"epoch", "iteration", "scheduler", "optimizer", "model"} <= root.keys()


def test_a_detector_as_numpy_arrays(small, small_file, tmp_path: Path):
    assert convert(small_file, tmp_path / "b.npz", "--to", "npz").code == 0
    assert_equal(arrays_of(tmp_path / "b.npz"), small)


def test_options_tell_apart_what_arrays_do_not(tmp_path: Path):
    arrays = published("ssd_resnet34_1200_coco")
    write_state_dict(tmp_path / "a.pt", arrays)
    ended = convert(tmp_path / "a.pt", tmp_path / "b.params", "--data-shape", 1200)
    assert ended.code == 0 and "(ssd_resnet34_1200_coco, 80 classes)" in ended.out
    ended = convert(tmp_path / "b.params", tmp_path / "c.pt", "--to", "torch")
    assert ended.code == 0 and "(ssd_resnet34_1200_coco, 80 classes)" in ended.out
    assert_equal(read_state_dict(tmp_path / "c.pt"), arrays)


def test_yannqis_weights_are_those_of_a_network_that_is_named(tmp_path: Path):
    arrays = published("ssd300_yannqi_coco")
    write_state_dict(tmp_path / "a.pt", arrays, below="model")
    ended = convert(tmp_path / "a.pt", tmp_path / "b.params", "--network", "ssd300_yannqi")
    assert ended.code == 0 and "(ssd300_yannqi_coco, 80 classes)" in ended.out, ended.err
    ended = convert(tmp_path / "b.params", tmp_path / "c.pt", "--to", "torch")
    assert ended.code == 0 and "(ssd300_yannqi_coco, 80 classes)" in ended.out, ended.err
    assert_equal(read_state_dict(tmp_path / "c.pt"), arrays)


def test_classes_of_ones_own(tmp_path: Path):
    names = ("cat", "dog", "owl")
    write_state_dict(tmp_path / "a.pt", published("ssd300_resnet18_custom", names))
    (tmp_path / "names.txt").write_text("\n".join(names))
    message = one_error(convert(tmp_path / "a.pt", tmp_path / "b.params"))
    assert message == (
        f"error: {tmp_path}/a.pt is of ssd300_resnet18, but for other classes than those of coco; "
        "name them, in the order of its heads (--classes, --dataset)"
    )
    ended = convert(tmp_path / "a.pt", tmp_path / "b.params", "--classes", tmp_path / "names.txt")
    assert ended.code == 0 and "(ssd300_resnet18_custom, 3 classes)" in ended.out, ended.err
    assert read_sidecar(tmp_path / "b.params").classes == names
    assert convert(tmp_path / "b.params", tmp_path / "c.pt", "--to", "torch").code == 0
    assert ZipFile(str(tmp_path / "c.pt")).root["label_map"][3] == "owl"


# --- backbones ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def backbone():
    return classifier("resnet18")


@pytest.fixture(scope="module")
def backbone_file(backbone, tmp_path_factory):
    """Weights of torchvision's resnet18; not to be written to."""
    path = tmp_path_factory.mktemp("backbone") / "resnet18.pth"
    write_state_dict(path, backbone)
    return path


@pytest.mark.parametrize("argv", [(), ("--network", "resnet18")])
def test_a_backbone_comes_back_bit_for_bit(argv, backbone, backbone_file, tmp_path: Path):
    ended = convert(backbone_file, tmp_path / "b.params", *argv)
    line = f"wrote {tmp_path}/b.params (resnet18, 102 arrays)\n"
    assert (ended.code, ended.out) == (0, line), ended.err
    assert "layer1.0.bn1.gamma" in mx.nd.load(str(tmp_path / "b.params"))
    assert convert(tmp_path / "b.params", tmp_path / "c.pth", "--to", "torch", *argv).code == 0
    found = read_state_dict(tmp_path / "c.pth")
    assert found.keys() == backbone.keys()
    assert_equal({name: found[name] for name in backbone}, backbone)


def test_other_forms_of_a_backbone(backbone, backbone_file, tmp_path: Path):
    assert convert(backbone_file, tmp_path / "b.npz", "--to", "npz").code == 0
    found = arrays_of(tmp_path / "b.npz")
    assert_equal({name: found[name] for name in backbone}, backbone)
    assert convert(backbone_file, tmp_path / "b.onnx", "--to", "onnx").code == 0
    assert backbone["conv1.weight"].tobytes() in (tmp_path / "b.onnx").read_bytes()


# --- bad input ------------------------------------------------------------------------------------


def test_graphs_are_for_backbones(small_file, tmp_path: Path):
    message = one_error(convert(small_file, tmp_path / "b.onnx", "--to", "onnx"))
    assert message.startswith(f"error: --to onnx is for backbones, and {small_file} holds none of ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--network", "ssd300_resnet50"), "does not fit ssd300_resnet50_coco: "),
        (("--network", "ssd_resnet34"), "does not fit ssd_resnet34_300_coco: "),
        (("--network", "resnet18"), "does not fit resnet18: 100 arrays missing (conv1.weight"),
        (("--network", "mobilenet1.0"), "does not fit ssd_300_mobilenet1.0_coco: "),
        (("--network", "resnet19"), "the network must be one of "),
        (("--network", "ssd300_resnet18", "--data-shape", 512), "there is no network"),
        (("--dataset", "voc"), "is of ssd300_resnet18, but for other classes than those of voc"),
    ],
)
def test_options_that_do_not_fit(argv, message, small_file, tmp_path: Path):
    assert message in one_error(convert(small_file, tmp_path / "b.params", *argv))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "network", "message"),
    [
        ("missing", (), "is of no network that is known here; it starts with feature_extractor."),
        ("missing", ("--network", "ssd300_resnet18"), "1 arrays missing ("),
        ("extra", (), "is of no network that is known here"),
        ("extra", ("--network", "ssd300_resnet18"), "1 too many (odd (3,))"),
        ("shape", (), "is of no network that is known here"),
        ("shape", ("--network", "ssd300_resnet18"), "1 of another shape ("),
    ],
)
def test_weights_that_do_not_fit(change, network, message, small, tmp_path: Path):
    arrays = dict(small)
    if change == "missing":
        del arrays["additional_blocks.1.0.weight"]
    elif change == "extra":
        arrays["odd"] = np.zeros(3, np.float32)
    else:
        arrays["additional_blocks.1.0.weight"] = np.zeros((5, 5), np.float32)
    write_state_dict(tmp_path / "a.pt", arrays)
    found = one_error(convert(tmp_path / "a.pt", tmp_path / "b.params", *network))
    assert found.startswith(f"error: {tmp_path}/a.pt ") and message in found
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_network_without_a_published_form(weights, tmp_path: Path):
    argv = ("--to", "torch", "--network", "mobilenet0.25", "--dataset", "custom")
    message = one_error(convert(weights, tmp_path / "b.pt", *argv))
    assert message == (
        "error: the weights of ssd_300_mobilenet0.25_custom have no other published form"
    )
    assert list(tmp_path.iterdir()) == []


# --- SageMaker and MXNet's SSD example ------------------------------------------------------------


@needs_other_mxnet
@pytest.mark.parametrize("case", ["sagemaker_resnet50_512_20", "tiny_96_2"])
def test_a_body_that_the_zoo_lacks_is_told(case: str, tmp_path: Path):
    path = tmp_path / "model_algo_1-0000.params"
    names = RuleModel(MODELS / case).shapes()
    mx.nd.save(str(path), {f"arg:{name}": mx.nd.zeros((1,)) for name in names})
    message = one_error(convert(path, tmp_path / "b.params"))
    what = "a ResNet" if "resnet" in case else "another body than VGG-16"
    assert message == (
        f"error: {path}: the weights are those of SageMaker's Object Detection or MXNet's SSD "
        f"example with {what}, which has no counterpart among the networks of the zoo; run, "
        "quantise or export it from its symbol: its pair, folder or model.tar.gz is taken as an "
        "exported model"
    )
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "0,0,256", "0,0,nan", "1,-1,0"])
def test_a_mean_is_three_numbers(text: str, tmp_path: Path):
    ended = convert(tmp_path / "a.params", tmp_path / "b.params", "--mean-rgb", text)
    assert "--mean-rgb must be three numbers from 0 to 255" in one_error(ended)


def test_a_mean_is_for_weights_that_do_not_tell_theirs(small_file, tmp_path: Path):
    ended = convert(small_file, tmp_path / "b.params", "--mean-rgb", "0,0,0")
    assert "--mean-rgb is for weights of SageMaker" in one_error(ended)
    ended = convert(small_file, tmp_path / "b.pt", "--mean-rgb", "0,0,0", "--to", "torch")
    assert "--mean-rgb goes into the record" in one_error(ended)


@pytest.mark.slow
@needs_other_mxnet
def test_vgg_of_sagemaker_becomes_the_zoos(tmp_path: Path):
    path = tmp_path / "model_algo_1-0000.params"
    RuleModel(MODELS / "sagemaker_vgg16_300_3").write_params(path)
    message = one_error(convert(path, tmp_path / "b.params"))
    assert "is of vgg16_atrous, but for other classes than those of voc; name them" in message
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    named = ("--classes", tmp_path / "names.txt")
    ended = convert(path, tmp_path / "b.params", *named)
    assert ended.code == 0 and "(ssd_300_vgg16_atrous_custom, 3 classes)" in ended.out, ended.err
    assert "wants RGB minus (123, 117, 104)" in ended.err
    record = read_sidecar(tmp_path / "b.params")
    assert record.classes == ("ant", "bee", "cat")
    assert record.mean == (123 / 255, 117 / 255, 104 / 255)
    assert convert(path, tmp_path / "c.params", *named, "--mean-rgb", "0,0,0").code == 0
    assert read_sidecar(tmp_path / "c.params").mean == (0, 0, 0)
    assert_equal(mx_arrays(tmp_path / "c.params"), mx_arrays(tmp_path / "b.params"))


def mx_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file as it names them."""
    return {name: array.asnumpy() for name, array in mx.nd.load(str(path)).items()}
