"""Options of scripts/convert_weights.py."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.convert_weights import ConvertCommand
from gluon_ssd.options.declare import parse


def parsed(*argv: str) -> ConvertCommand:
    return parse(ConvertCommand, argv, prog="convert_weights.py", description="")


def test_defaults():
    command = parsed("--input", "a.pt", "--output", "a.params")
    assert (command.to, command.network, command.dataset) == ("params", "", None)
    assert (command.data_shape, command.classes) == (None, "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "^--input FILE is needed"),
        (["--input", "a"], "^--output FILE is needed"),
        (["--input", "a", "--output", "./a"], "^--output must not be --input; got ./a for both"),
        (
            ["--input", "a", "--output", "b.json"],
            "^--output must not end in .json, where",
        ),
        (["--input", "a", "--output", "b", "--to", "pickle"], "one of params, torch, onnx, npz"),
        (
            ["--input", "a", "--output", "b", "--classes", "c", "--dataset", "coco"],
            "^--classes does not go with --dataset coco, which has classes of its own",
        ),
    ],
)
def test_what_is_wrong(argv, message):
    with pytest.raises(OptionError, match=message):
        parsed(*argv)
