"""Options of scripts/export_ssd.py."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.export import ExportCommand, ExportOptions
from gluon_ssd.options.shared import ModelOptions


def test_the_network_is_that_of_its_parts():
    command = ExportCommand(ModelOptions("mobilenet1.0", 512), ExportOptions("coco", output="m"))
    assert command.network.name == "ssd_512_mobilenet1.0_coco"


def test_an_output_and_a_known_network_are_needed():
    with pytest.raises(
        OptionError, match="^--output PREFIX is needed: where to write the exported"
    ):
        ExportCommand()
    with pytest.raises(OptionError, match="there is no network .*301.*; there are ssd_300_vgg16"):
        ExportCommand(ModelOptions(data_shape=301), ExportOptions(output="m"))
