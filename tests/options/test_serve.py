"""Options of scripts/serve_ssd.py."""

from __future__ import annotations

import pytest

from gluon_ssd.deploy.runtime import RUNTIMES
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import flags_of, parse
from gluon_ssd.options.serve import ServeCommand


def command(*argv: str) -> ServeCommand:
    return parse(ServeCommand, ["--model-prefix", "m", *argv], prog="p", description="")


def test_the_model_is_enough_and_loopback_the_default():
    made = command()
    assert (made.host, made.port, made.thresh, made.device) == ("127.0.0.1", 8080, 0.0, "cpu")
    assert made.input_size_hw is None
    assert command("--data-shape", "300", "--gpus", "1").input_size_hw == (300, 300)
    assert command("--gpus", "1").device == "gpu:1"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--model-prefix", ""], "--model-prefix needs a detector"),
        (["--host", ""], "--host needs an address, such as 127.0.0.1"),
        (["--port", "65536"], "--port must be at most 65535; got 65536"),
        (["--max-requests", "0"], "--max-requests must be at least 1; got 0"),
        (["--max-body", "1025"], "--max-body must be at most 1024; got 1025"),
        (["--max-wait", "0"], "--max-wait must be at least 0.1; got 0"),
        (["--gpus", "0,1"], "--gpus has no effect beyond its first number"),
    ],
)
def test_wrong_options(argv, message):
    with pytest.raises(OptionError, match=message):
        command(*argv)


def test_choices_are_what_there_is():
    choices = {flag.name: set(flag.choices) for flag in flags_of(ServeCommand)}
    assert choices["backend"] == {"auto", *RUNTIMES}
