"""Errors that cross a process boundary whole."""

from __future__ import annotations

import inspect
import json

import pytest

from gluon_ssd import errors
from gluon_ssd.deploy.tuning.backend import TrialFailed
from gluon_ssd.errors import Interrupted, SsdError, from_message, to_message

KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, SsdError) and kind is not Interrupted
]
ERRORS = [Interrupted("stopped by SIGINT", 2), SsdError()]
ERRORS += [kind("one: two", 3, settings=("batch_size", "gpus")) for kind in KINDS]


def _sent(error: SsdError) -> SsdError:
    return from_message(json.loads(json.dumps(to_message(error))))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_it_was_sent(error: SsdError):
    got = _sent(error)
    assert type(got) is type(error)
    assert (got.args, str(got), got.exit_code) == (error.args, str(error), error.exit_code)
    assert vars(got) == vars(error)


def test_every_kind_is_sent():
    def below(kind: type[SsdError]) -> set[type[SsdError]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    of_the_package = {kind for kind in below(SsdError) if kind.__module__ == errors.__name__}
    assert {type(error) for error in ERRORS} == of_the_package


def test_notes_and_arguments_that_are_no_text():
    error = SsdError(ERRORS)
    error.add_note("seen at the end")
    got = _sent(error)
    assert str(got) == str(ERRORS) and got.__notes__ == ["seen at the end"]


def test_a_kind_below_another_one_arrives_as_itself():
    got = _sent(TrialFailed("no such operator", settings=("seed",)))
    assert type(got) is TrialFailed
    assert (str(got), got.settings) == ("no such operator", ("seed",))


def test_an_unknown_kind_keeps_its_text_and_settings():
    class Strange(SsdError):
        """Not a kind of the package."""

    message = {**to_message(Strange("odd", settings=("seed",))), "kind": "Stranger"}
    got = from_message(message)
    assert type(got) is SsdError
    assert (str(got), got.settings, got.exit_code) == ("odd", ("seed",), 2)


def test_a_message_is_one_line_whatever_names_stand_in_it():
    error = SsdError("no picture a\nb\u2028\x1b[2J\udcff.jpg", settings=("dataset_root",))
    assert str(error) == "no picture a\\nb\\u2028\\x1b[2J\\udcff.jpg"
    assert str(_sent(error)) == str(error) and len(str(error).splitlines()) == 1
