"""What the record beside weights, or a checkpoint, says in place of options."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.models.record import ModelRecord, write_sidecar
from gluon_ssd.options.convert_weights import ConvertCommand
from gluon_ssd.options.declare import parse
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.weights_record import options_of_record, record_of
from gluon_ssd.training.checkpoint import save_checkpoint

NAME, SIDE = "ssd_512_mobilenet1.0_custom", 512
RETINANET = "retinanet_resnext50_32x4d_custom"


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "own.params"
    write_sidecar(path, ModelRecord(NAME, ("cat",), (SIDE, SIDE)))
    return str(path)


def parsed(command, *argv):
    return parse(command, argv, prog="p.py", description="")


@pytest.mark.parametrize("text", ["", "true", "T", "1", "false", "no", "run.npz", "no_such.params"])
def test_weights_without_a_record_say_nothing(text):
    assert record_of(text) is None
    assert options_of_record(text, {"network": "tiny"}) == {}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"network": "mobilenet1.0"},
        {"network": NAME, "data_shape": SIDE},
        {"network": "", "data_shape": None, "dataset": "voc"},
    ],
)
def test_the_record_alone_is_enough_and_agrees_with_what_is_said_twice(weights, given):
    assert options_of_record(weights, given) == {"network": NAME, "data_shape": SIDE}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"network": "vgg16_atrous"}, f"^--network vgg16_atrous was given, and .* says {NAME};"),
        ({"network": NAME.replace("custom", "voc")}, f"^--network ssd_512_.*_voc .* says {NAME};"),
        ({"data_shape": 300}, f"^--data-shape 300 was given, and .* says 512 pixels [(]{NAME}[)]"),
    ],
)
def test_a_contradiction_names_both_sides(weights, given, message):
    with pytest.raises(OptionError, match=message) as caught:
        options_of_record(weights, given)
    assert weights in str(caught.value)


def test_a_network_of_any_size_takes_another_one(tmp_path):
    path = str(tmp_path / "own.params")
    write_sidecar(path, ModelRecord(RETINANET, ("cat",), (640, 640)))
    assert options_of_record(path, {})["data_shape"] == 640
    assert options_of_record(path, {"data_shape": 320})["data_shape"] == 320


def test_a_record_of_an_unknown_network_is_one_line(tmp_path):
    path = tmp_path / "own.params"
    write_sidecar(path, ModelRecord("ssd_9000", ("cat",), (64, 64)))
    with pytest.raises(WeightsError, match="own.json says that .* is of ssd_9000, a network that"):
        options_of_record(str(path), {})


def test_a_record_of_an_oblong_input_is_one_line(tmp_path):
    path = tmp_path / "own.params"
    write_sidecar(path, ModelRecord(NAME, ("cat",), (SIDE, 300)))
    with pytest.raises(WeightsError, match="own.json says an input of 512 x 300 pixels; the input"):
        options_of_record(str(path), {})


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (EvalCommand, ("--pretrained",)),
        (EvalCommand, ("--network", "mobilenet1.0", "--dataset", "coco", "--pretrained")),
        (EvalCommand, ("--calibration", "--dataset", "custom", "--pretrained")),
        (ExportCommand, ("--output", "m", "--pretrained")),
        (ExportCommand, ("--output", "m", "--dataset", "custom", "--pretrained")),
    ],
)
def test_the_file_names_the_network_in_every_command(command, argv, weights):
    made = parsed(command, *argv, weights)
    assert made.network.name == NAME and made.model.input_size_hw == (SIDE, SIDE)


def test_the_demo_and_training_that_goes_on_ask_the_file_too(weights):
    demo = parsed(DemoCommand, "--images", "a.jpg", "--pretrained", weights)
    assert demo.spec.name == NAME and demo.data_shape == SIDE
    train = parsed(TrainCommand, "--resume", weights, "--dataset", "voc")
    assert train.network.name == "ssd_512_mobilenet1.0_voc"  # the data set chooses its form
    with pytest.raises(OptionError, match="^--network tiny was given, and the record beside"):
        parsed(TrainCommand, "--resume", weights, "--network", "tiny")


def test_an_export_for_another_data_set_is_refused(weights):
    message = f"^--dataset voc was given, and the record beside .* says {NAME};"
    with pytest.raises(OptionError, match=message):
        parsed(ExportCommand, "--output", "m", "--dataset", "voc", "--pretrained", weights)


def test_a_full_name_and_another_data_set_are_refused_where_the_name_says_it():
    with pytest.raises(OptionError, match=f"^--dataset voc was given, and --network says {NAME};"):
        parsed(ExportCommand, "--output", "m", "--dataset", "voc", "--network", NAME)
    with pytest.raises(OptionError, match=f"^--network {NAME} is for custom, and --dataset is voc"):
        parsed(TrainCommand, "--network", NAME)
    assert parsed(TrainCommand, "--network", NAME, "--dataset", "shapes").network.name == NAME


def test_both_forms_of_a_name_are_the_same_network():
    word = parsed(EvalCommand, "--network", "mobilenet1.0", "--data-shape", "512")
    full = parsed(EvalCommand, "--network", "ssd_512_mobilenet1.0_voc")
    assert word.network is full.network and full.model.side == 512
    with pytest.raises(OptionError, match=f"^{NAME} takes 512 pixels; got 300"):
        parsed(EvalCommand, "--network", NAME, "--data-shape", "300")
    assert ConvertCommand(input="a", output="b", network=NAME).network == NAME


@pytest.fixture
def checkpoint(tmp_path):
    """A file that says no more than what it is of."""

    def make(name=NAME, side=SIDE):
        path = str(tmp_path / "c.npz")
        save_checkpoint(path, {}, {"network": {"name": name, "data_shape": side}})
        return path

    return make


@pytest.mark.parametrize(
    ("name", "side", "argv"),
    [
        (NAME, SIDE, ()),
        (NAME, SIDE, ("--network", "mobilenet1.0")),
        (NAME, SIDE, ("--network", NAME, "--data-shape", "512")),
        (NAME, None, ("--network", "mobilenet1.0")),
        ("ssd_160_tiny_custom", 160, ()),
        (RETINANET, 320, ()),
    ],
)
def test_a_checkpoint_alone_is_enough_to_go_on(checkpoint, name, side, argv):
    path = checkpoint(name, side)
    made = parsed(TrainCommand, "--resume", path, "--dataset", "custom", *argv)
    assert (made.network.name, made.model.side) == (name, side or SIDE)


def test_what_need_not_be_said_is_as_it_was_in_the_run(checkpoint):
    argv = ("--network", "tiny", "--dataset", "custom", "--data-shape")
    assert parsed(TrainCommand, *argv, "160").model.data_shape == 160
    path = checkpoint("ssd_160_tiny_custom", 160)
    went_on = parsed(TrainCommand, "--dataset", "custom", "--resume", path)
    assert went_on.model.network == "tiny" and went_on.model.data_shape is None


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--network", "tiny"), f"^--network tiny was given, and the checkpoint .* is of {NAME};"),
        (("--network", NAME.replace("custom", "voc")), f"^--network ssd_512_.*_voc .* of {NAME};"),
        (("--data-shape", "300"), f"^--data-shape 300 was given, and .* of {NAME}, 512 pixels;"),
        (("--dataset", "voc"), f"c.npz is of {NAME}, a network for custom, and --dataset is voc;"),
        (("--recipe", "mlperf_ssd_r34"), f"^--network ssd_resnet34 was given, .* is of {NAME};"),
    ],
)
def test_a_contradiction_to_a_checkpoint_names_both_sides(checkpoint, argv, message):
    path = checkpoint()
    with pytest.raises(OptionError, match=message) as caught:
        parsed(TrainCommand, "--dataset", "custom", "--resume", path, *argv)
    assert path in str(caught.value)


def test_a_checkpoint_of_any_size_goes_on_with_its_own(checkpoint):
    argv = ("--dataset", "custom", "--resume", checkpoint(RETINANET, 320), "--data-shape", "640")
    with pytest.raises(OptionError, match=f"^--data-shape 640 .* of {RETINANET}, 320 pixels;"):
        parsed(TrainCommand, *argv)


def test_a_checkpoint_of_an_unknown_network_is_one_line(checkpoint):
    with pytest.raises(WeightsError, match="c.npz is a checkpoint of ssd_9000, a network that is"):
        parsed(TrainCommand, "--resume", checkpoint("ssd_9000"))
