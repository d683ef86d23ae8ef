"""What options say of an exported model agrees with its files, is refused, or is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.options.declare import parse
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.exported_record import check_exported

NAME = "ssd_512_mobilenet1.0_voc"
RECORD = ModelRecord(NAME, ("cat",), (512, 512))
INT8 = replace(RECORD, name=f"{NAME}_int8")


@pytest.mark.parametrize("network", ["", "mobilenet1.0", NAME])
@pytest.mark.parametrize("record", [RECORD, INT8])
@pytest.mark.parametrize("asked_hw", [None, (512, 512)])
def test_what_agrees_passes(caplog, network, record, asked_hw):
    check_exported("m", record, network=network, own_hw=(512, 512), asked_hw=asked_hw)
    assert not caplog.messages


@pytest.mark.parametrize("network", ["vgg16_atrous", "ssd_512_mobilenet1.0_coco", "no_such"])
def test_another_network_is_refused_and_both_sides_are_named(network):
    with pytest.raises(OptionError) as caught:
        check_exported("m", RECORD, network=network)
    assert str(caught.value) == (
        f"--network {network} was given, and m says that it is {NAME}; leave out --network, or "
        "name another model"
    )


def test_another_size_is_refused_and_both_sides_are_named():
    expected = "^--data-shape 300 does not fit m, which was exported for 512 pixels; give that size"
    with pytest.raises(OptionError, match=expected):
        check_exported("m", RECORD, own_hw=(512, 512), asked_hw=(300, 300))
    with pytest.raises(OptionError, match=expected):
        check_exported("m", None, own_hw=(512, 512), asked_hw=(300, 300))


def test_a_size_that_nothing_says_is_what_was_asked_for(caplog):
    check_exported("m", None, asked_hw=(300, 300))
    assert not caplog.messages


@pytest.mark.parametrize(
    "record", [None, replace(RECORD, name="own"), replace(RECORD, family="multibox")]
)
def test_files_that_name_no_network_leave_one_unused_and_a_line_says_so(caplog, record):
    check_exported("m", record, network="vgg16_atrous")
    assert caplog.messages == [
        "m does not say which network it is, so that --network vgg16_atrous is not used"
    ]


COMMANDS = {
    EvalCommand: ("--deploy", "--model-prefix", "m"),
    ExportCommand: ("--model-prefix", "m", "--output", "o"),
    DemoCommand: ("--model-prefix", "m", "--images", "a"),
}


def parsed(command, *argv):
    return parse(command, (*COMMANDS[command], *argv), prog="p.py", description="")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("network", ["vgg16_atrous", "ssd_300_vgg16_atrous_coco"])
def test_a_network_that_was_given_is_told_from_the_default(command, network, caplog):
    unset, given = parsed(command), parsed(command, "--network", network)
    options = [getattr(each, "model", each).network for each in (unset, given)]
    assert options == ["", network]
    assert not caplog.messages


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_of_weights_beside_an_exported_model_is_refused(command, caplog):
    message = "^--pretrained w.params and --model-prefix m are two models; leave out one$"
    with pytest.raises(OptionError, match=message):
        parsed(command, "--pretrained", "w.params")
    assert not caplog.messages


@pytest.mark.parametrize("command", [EvalCommand, DemoCommand])
def test_weights_of_the_zoo_beside_an_exported_model_are_told(command, caplog):
    parsed(command, "--pretrained", "1")
    (line,) = caplog.messages
    assert line.startswith("--pretrained has no effect with --")
