"""Recipes: published numbers, what wins over what, and what the log says of it."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options import declare as cli
from gluon_ssd.options.recipes import RECIPES, defaults_of
from gluon_ssd.options.train import TrainCommand

FLAGS = {flag.name: flag for flag in cli.flags_of(TrainCommand)}

# recipe, network, input, data set, epochs, batch of a device, rate of two devices, decay epochs,
# warm-up (epochs, steps, factor), weight decay, of biases too, target
PUBLISHED = """
nvidia_ssd300 ssd300_resnet50 300 coco 65 32 0.0052 43,54 0,300,0 0.0005 no 0
nvidia_ssd300_2020 ssd300_resnet50 300 coco 65 32 0.0052 42,53 0,300,0 0.0005 no 0
mlperf_ssd_r34 ssd_resnet34 300 coco 70 32 0.005 40,50 2.619685,0,0 0.0005 yes 0.23
mlperf_retinanet retinanet_resnext50_32x4d 800 openimages 8 32 0.0001 - 1,0,0.001 0 yes 0.34
yannqi_ssd300 ssd300_yannqi 300 coco 100 64 0.0104 43,54 0,0,0 0.0005 no 0
"""


def command(*argv):
    return cli.parse(TrainCommand, list(argv), prog="train_ssd.py", description="")


def of(recipe, *argv):
    """The recipe with any network for its data set."""
    dataset = RECIPES[recipe]["dataset"]
    network = "vgg16_atrous" if dataset == "coco" else RECIPES[recipe]["network"]
    return command("--recipe", recipe, "--network", network, *argv)


def test_the_table_here_has_every_recipe():
    published = [line.split()[0] for line in PUBLISHED.strip().splitlines()]
    assert ["small", *published] == list(RECIPES)


@pytest.mark.parametrize("row", PUBLISHED.strip().splitlines(), ids=lambda row: row.split()[0])
def test_a_recipe_has_the_published_numbers(row):
    recipe, network, side, dataset, epochs, batch, rate, decay, warmup, wd, everywhere, target = (
        row.split()
    )
    values = RECIPES[recipe]
    assert (values["network"], values["data_shape"], values["dataset"]) == (
        network,
        int(side),
        dataset,
    )
    found = of(recipe, "--batch-size", str(2 * int(batch)))
    optimizer, train = found.optimizer, found.train
    assert (values["epochs"], values["batch_size_per_device"]) == (int(epochs), int(batch))
    assert optimizer.base_rate == pytest.approx(float(rate))
    assert optimizer.decay_epochs == tuple(int(e) for e in decay.split(",") if e != "-")
    epochs_steps_factor = (optimizer.warmup_epochs, optimizer.warmup_iters, optimizer.warmup_factor)
    assert epochs_steps_factor == tuple(float(part) for part in warmup.split(","))
    assert optimizer.warmup_rule == "start"
    assert (optimizer.wd, not optimizer.no_wd_on_bias_bn) == (float(wd), everywhere == "yes")
    assert optimizer.update_rule == ("adam" if "retinanet" in recipe else "sgd_torch")
    assert (train.target_map, train.metric) == (float(target), "coco")
    assert train.seed == (42 if recipe == "yannqi_ssd300" else 233)


@pytest.mark.parametrize("recipe", ["nvidia_ssd300", "nvidia_ssd300_2020", "yannqi_ssd300"])
def test_nvidias_epochs_of_evaluation(recipe):
    assert of(recipe).train.validated_epochs == (21, 31, 37, 42, 48, 53, 59, 64)


def test_mlperfs_epochs_of_evaluation():
    assert of("mlperf_ssd_r34").train.validated_epochs == tuple(range(4, 70, 5))
    assert of("mlperf_retinanet").train.validated_epochs == ()
    assert of("mlperf_retinanet").val_interval == 1


def test_the_recipe_for_small_sets_is_what_its_page_says():
    argv = """--network mobilenet1.0 --data-shape 300 --dataset custom --augmentation light
        --batch-size 4 --epochs 60 --optimizer adam --lr 0.001 --schedule cosine --warmup-epochs 2
        --clip-gradient 10 --log-interval 20 --val-interval 4 --save-interval 0
        --eval-batch-size 16 --average-weights 0.998"""
    by_hand = cli.flat_values(command(*argv.split()))
    assert cli.flat_values(command("--recipe", "small")) == {**by_hand, "recipe": "small"}
    assert command("--recipe", "small", "--batch-size-per-device", "2").optimizer.batch_size == 32
    assert command("--recipe", "small", "--val-epochs", "7").train.val_interval is None


def test_each_rule_of_updates_has_its_rate_in_the_recipe_for_small_sets():
    sgd = command("--recipe", "small", "--optimizer", "sgd").optimizer
    assert (sgd.lr, sgd.wd, sgd.momentum) == (0.005, 0.0005, 0.9)
    assert command("--recipe", "small", "--optimizer", "sgd", "--lr", "0.1").optimizer.lr == 0.1
    adam = command("--recipe", "small", "--optimizer", "adam").optimizer
    assert adam == command("--recipe", "small").optimizer
    assert (adam.lr, adam.wd) == (0.001, 0.0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_value_is_one_that_its_option_takes(recipe):
    for name, value in RECIPES[recipe].items():
        flag = FLAGS[name]
        assert isinstance(value, flag.kind), name
        if value != "":
            assert flag.check(value, name) == value


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_network_of_a_recipe_is_there(recipe):
    found = command("--recipe", recipe)
    values = cli.flat_values(found)
    assert {name: values[name] for name in RECIPES[recipe]} == RECIPES[recipe]
    assert found.network.dataset == RECIPES[recipe]["dataset"]


def test_the_command_line_wins_over_a_file_and_a_file_over_the_recipe(tmp_path):
    path = tmp_path / "options.ini"
    path.write_text("[train]\nrecipe = nvidia_ssd300\nlog_interval = 7\n[optimizer]\nlr = 0.5\n")
    network = ("--network", "vgg16_atrous")
    found = command("--config", str(path), "--lr", "0.25", *network)
    assert (found.optimizer.lr, found.train.log_interval, found.optimizer.epochs) == (0.25, 7, 65)
    found = command("--recipe", "mlperf_ssd_r34", "--config", str(path), *network)
    assert (found.optimizer.lr, found.optimizer.epochs, found.train.target_map) == (0.5, 70, 0.23)


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        ((), "batch_size_per_device", 32),
        (("--batch-size", "8"), "batch_size_per_device", 0),
        (("--batch-size", "8", "--batch-size-per-device", "4"), "batch_size_per_device", 4),
        ((), "val_epochs", "21,31,37,42,48,53,59,64"),
        (("--val-interval", "2"), "val_epochs", ""),
        (("--optimizer", "adam"), "wd", 0.0),
        (("--optimizer", "adam", "--wd", "0.1"), "wd", 0.1),
        (("--optimizer", "sgd"), "wd", 5e-4),
    ],
)
def test_what_is_given_takes_the_place_of_what_it_excludes(argv, name, value):
    assert cli.flat_values(of("nvidia_ssd300", *argv))[name] == value


def test_adam_has_no_weight_decay_unless_it_is_given_without_a_recipe_too():
    assert command("--optimizer", "adam").optimizer.wd == 0
    assert command("--optimizer", "adam", "--wd", "0.5").optimizer.wd == 0.5
    assert command().optimizer.wd == 5e-4


def test_without_a_recipe_nothing_is_set():
    assert defaults_of({}) == defaults_of({"lr": 1.0}) == {}
    assert command().recipe_lines == ()


def test_the_log_says_what_was_set_and_what_was_not():
    (line,) = of("mlperf_retinanet").recipe_lines
    assert line.startswith(
        "Recipe mlperf_retinanet set --network retinanet_resnext50_32x4d, --data-shape 800, "
    )
    assert "--optimizer adam, --wd 0.0, --lr 0.0001, --scale-lr none" in line
    first, second = of("mlperf_retinanet", "--lr", "0.5", "--epochs", "1").recipe_lines
    assert "--target-map 0.34" in first and "--lr 0." not in first
    assert second == (
        "Recipe mlperf_retinanet gives way to --lr 0.5, --epochs 1, "
        "in place of --lr 0.0001, --epochs 8"
    )


def test_an_unknown_recipe_is_refused_with_a_hint():
    with pytest.raises(OptionError, match="--recipe must be one of .*did you mean nvidia_ssd300"):
        command("--recipe", "nvidia_ssd30")


@pytest.mark.parametrize("text", ["a", "-1", "1;2"])
def test_epochs_of_validation_are_whole_numbers(text):
    with pytest.raises(OptionError, match="--val-epochs must"):
        command(f"--val-epochs={text}")


@pytest.mark.parametrize("target", ["-0.1", "1.5"])
def test_a_target_is_a_fraction(target):
    with pytest.raises(OptionError, match="--target-map must be at"):
        command(f"--target-map={target}")


@pytest.mark.parametrize(
    ("argv", "name", "side", "dataset"),
    [
        ("--network ssd_512_mobilenet1.0_custom", "ssd_512_mobilenet1.0_custom", 512, "custom"),
        ("--network resnet50_v1", "ssd_512_resnet50_v1_custom", 512, "custom"),
        ("--network mobilenet1.0 --data-shape 512", "ssd_512_mobilenet1.0_custom", 512, "custom"),
        ("--network ssd_512_mobilenet1.0_voc", "ssd_512_mobilenet1.0_voc", 512, "voc"),
        ("--network vgg16_atrous", "ssd_300_vgg16_atrous_custom", 300, "custom"),
        ("--data-shape 512", "ssd_512_mobilenet1.0_custom", 512, "custom"),
    ],
)
def test_size_and_data_set_of_a_recipe_give_way_to_the_network(argv, name, side, dataset):
    found = command("--recipe", "small", *argv.split())
    assert (found.network.name, found.model.side, found.data.dataset) == (name, side, dataset)


def test_what_was_given_beside_a_recipe_is_still_a_contradiction():
    network = ("--recipe", "small", "--network", "ssd_512_mobilenet1.0_custom")
    with pytest.raises(OptionError, match="ssd_512_mobilenet1.0_custom takes 512 pixels; got 300"):
        command(*network, "--data-shape", "300")
    with pytest.raises(OptionError, match="is for custom, and --dataset is voc"):
        command(*network, "--dataset", "voc")
