"""Options of scripts/convert_dataset.py."""

from __future__ import annotations

import pytest

from gluon_ssd.data.convert import targets
from gluon_ssd.errors import OptionError
from gluon_ssd.options.convert_dataset import TARGETS, ConvertDatasetCommand
from gluon_ssd.options.declare import parse, spellings


def command(*argv: str) -> ConvertDatasetCommand:
    return parse(ConvertDatasetCommand, argv, prog="convert_dataset.py", description="")


def test_source_and_target_stand_anywhere_among_the_options():
    for argv in (["a", "b", "--to", "VOC"], ["a", "--to", "voc", "b"], ["--to", "voc", "a", "b"]):
        given = command(*argv)
        assert (given.source, given.target, given.to) == ("a", "b", "voc")
    assert spellings(ConvertDatasetCommand)["target"] == "TARGET"


def test_splits_and_names_are_lists():
    given = command("a", "b", "--to", "voc", "--splits", "2007_a+2012_a, b", "--names", "x,y")
    assert given.split_lists == ("2007_a+2012_a", "b")
    assert given.name_list == ("x", "y")
    assert command("a", "b", "--to", "coco").split_lists == ()


def test_forms_are_those_that_can_be_written():
    assert TARGETS.keys() == targets.TARGETS.keys()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: SOURCE, TARGET"),
        (["a"], "the following arguments are required: TARGET"),
        (["a", ""], "TARGET is needed: convert_dataset.py SOURCE TARGET"),
        (["a", "b"], "--to is needed, one of voc, coco, yolo, recordio"),
        (["a", "b", "c", "--to", "voc"], "unrecognized arguments: c"),
        (["a", "b", "--to", "csv"], "--to must be one of voc, coco, yolo, recordio; got 'csv'"),
        (["a", "b", "--to", "voc", "--edge-px", "2"], "--edge-px must be at most 1; got 2"),
        (["a", "b", "--to", "voc", "--splits", "a,"], "must not hold an empty name"),
        (
            ["a", "b", "--to", "voc", "--splits", "a,b", "--names", "x"],
            "--names must name each of the 2 splits of --splits; got 'x'",
        ),
        (["a", "b", "--to", "recordio", "--link"], "--link has no effect with --to recordio"),
        (
            ["a", "b", "--to", "voc", "--dataset", "coco", "--layout", "coco"],
            "--layout has no effect with --dataset coco",
        ),
    ],
)
def test_wrong_options(argv, message):
    with pytest.raises(OptionError, match=message):
        command(*argv)


def test_names_without_splits_are_refused():
    with pytest.raises(OptionError, match="--names"):
        command("a", "b", "--to", "voc", "--names", "x")
