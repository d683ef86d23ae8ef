"""The legacy command line, against the table in tests/golden/legacy_flags.tsv."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options import declare as cli
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.optimizer import OptimizerOptions
from gluon_ssd.options.train import TrainCommand, TrainOptions
from gluon_ssd.options.train_data import TrainDataOptions

TABLE = Path(__file__).parents[1] / "golden" / "legacy_flags.tsv"
COMMANDS = {"train": TrainCommand, "eval": EvalCommand, "demo": DemoCommand}
NEEDED = {"train": [], "eval": [], "demo": ["--images", "a.jpg"]}

# Defaults that the command derives, because "unset" means something of its own.
DERIVED = {
    ("train", "val_interval"): 1,
    ("train", "data_shape"): 300,
    ("eval", "data_shape"): 300,
    ("eval", "network"): "vgg16_atrous",
    ("demo", "network"): "ssd_300_vgg16_atrous_coco",
    ("demo", "thresh"): 0.5,
}


def rows() -> list[list[str]]:
    lines = TABLE.read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def parse(script: str, *argv: str):
    command = COMMANDS[script]
    return cli.parse(command, list(argv), prog=f"{script}_ssd.py", description="")


def flag_of(script: str, spelling: str) -> cli.Flag:
    matches = [f for f in cli.flags_of(COMMANDS[script]) if spelling in f.spellings]
    assert len(matches) == 1, f"{spelling} is declared {len(matches)} times"
    return matches[0]


def test_table_lists_every_flag_marked_legacy() -> None:
    for script, command in COMMANDS.items():
        declared = {s for f in cli.flags_of(command) if f.legacy for s in f.spellings}
        assert declared == {row[1] for row in rows() if row[0] == script}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0] + row[1])
def test_legacy_flag_keeps_default_and_meaning(row: list[str]) -> None:
    script, spelling, default, example, meaning = row
    flag = flag_of(script, spelling)
    before = cli.flat_values(parse(script, *NEEDED[script]))[flag.name]
    if (script, flag.name) in DERIVED:
        before = DERIVED[script, flag.name]
        assert parse(script, *NEEDED[script]).resolved[flag.name] == before
    if spelling == "--images":
        before = flag.default
    if default == "off":
        assert before is False
        extra = ["--model-prefix", "x"] if spelling == "--deploy" else []
        assert cli.flat_values(parse(script, spelling, *extra))[flag.name] is True
        return
    words = {"none": None, "empty": ""}
    assert str(before) == str(words.get(default, default))
    argv = [*NEEDED[script], spelling, example]
    if spelling == "--network" and script != "demo":
        argv += ["--data-shape", "512"]
    if spelling == "--data-shape":
        argv += ["--network", "mobilenet1.0"]
    assert str(cli.flat_values(parse(script, *argv))[flag.name]) == meaning


def abbreviations(script: str) -> list[str]:
    """Every prefix that named one legacy flag alone in the original scripts."""
    spellings = [row[1] for row in rows() if row[0] == script and row[1].startswith("--")]
    spellings.append("--help")
    found = []
    for spelling in spellings:
        for length in range(3, len(spelling)):
            prefix = spelling[:length]
            if [s for s in spellings if s.startswith(prefix)] == [spelling]:
                found.append(f"{prefix}={spelling}")
    return [f for f in found if "--help" not in f]


@pytest.mark.parametrize("case", [f"{s}:{a}" for s in COMMANDS for a in abbreviations(s)])
def test_legacy_abbreviation_still_means_the_same(case: str) -> None:
    script, pair = case.split(":")
    prefix, spelling = pair.split("=")
    parser = cli.build_parser(COMMANDS[script], prog="x", description="")
    matches = parser._get_option_tuples(prefix)
    assert [match[0].option_strings[0] for match in matches] == [spelling]


def test_addition_never_has_a_short_option() -> None:
    for command in COMMANDS.values():
        for flag in cli.flags_of(command):
            assert flag.legacy or len(flag.spellings) == 1


def test_coco_validates_every_tenth_epoch_unless_told() -> None:
    assert parse("train", "--dataset", "coco").val_interval == 10
    assert parse("train", "--dataset", "coco", "--val-interval", "1").val_interval == 1


@pytest.mark.parametrize(
    ("script", "argv", "message"),
    [
        ("train", ["--network", "resnet"], "the network must be one of mobilenet0.25, .*'resnet'"),
        (
            "train",
            ["--data-shape", "512", "--network", "mobilenet0.25"],
            "there is no network mobilenet0.25 of 512 pixels for voc; .*ssd_300_mobilenet0.25_voc",
        ),
        ("train", ["--dataset", "coca"], "--dataset must be one of voc, .*did you mean coco"),
        ("train", ["--batch-size", "0"], "--batch-size must be at least 1; got 0"),
        ("train", ["--batch-size", "x"], "--batch-size must be a whole number; got 'x'"),
        ("train", ["--lr", "fast"], "--lr must be a number; got 'fast'"),
        ("train", ["--lr", "nan"], "--lr must be a finite number; got 'nan'"),
        ("train", ["--lr-decay-epoch", "80,60"], "--lr-decay-epoch must rise; got 80,60"),
        ("train", ["--lr-decay-epoch", "a"], "--lr-decay-epoch must be whole numbers"),
        ("train", ["--start-epoch", "9", "--epochs", "9"], "--start-epoch 9 must be below"),
        ("train", ["--epoch-size", "9"], "did you mean --epochs"),
        ("train", ["--s", "9"], "ambiguous option: --s could match"),
        ("eval", ["--deploy"], "--deploy needs --model-prefix"),
        ("eval", ["--calib-mode", "kl"], "--calib-mode must be one of none, naive, entropy"),
        (
            "eval",
            ["--quantized", "--network", "mobilenet1.0"],
            "no int8 form of ssd_300_mobilenet1.0_voc; there are ssd_300_vgg16_atrous_voc_int8, ",
        ),
        ("eval", ["--pretrained", "False"], "--pretrained False gives random weights, of use to"),
        ("demo", [], "--images needs at least one"),
        (
            "demo",
            ["--images", "a", "--network", "ssd_300_vgg16_atrous_coc"],
            "did you mean ssd_300",
        ),
    ],
)
def test_wrong_option_is_one_clear_line(script: str, argv: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        parse(script, *argv)
    assert "\n" not in str(caught.value)


def test_crop_tries_do_not_go_with_dali():
    with pytest.raises(OptionError, match="--crop-tries 7 does not go with --dali"):
        TrainCommand(data=TrainDataOptions(crop_tries=7), train=TrainOptions(dali=True))
    assert TrainCommand(optimizer=OptimizerOptions(), train=TrainOptions(dali=True)).train.dali
