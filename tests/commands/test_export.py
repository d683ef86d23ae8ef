"""What exporting writes and says."""

from __future__ import annotations

import pytest

from gluon_ssd.commands.export import export_network
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import WeightsError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.export import ExportCommand

TINY = ("--network", "mobilenet0.25", "--data-shape", "300", "--dataset", "custom")


def command(*argv):
    argv = [*TINY, *map(str, argv)]
    return parse(ExportCommand, argv, prog="export_ssd.py", description="")


def test_suppression_that_is_asked_for_is_part_of_the_model(weights, tmp_path):
    output = tmp_path / "model"
    asked = ("--post-nms", 7, "--nms-thresh", 0.6)
    line = export_network(command("--pretrained", weights, "--output", output, *asked))
    assert line == (
        f"wrote {output}-symbol.json and {output}-0000.params (ssd_300_mobilenet0.25_custom, "
        "2 classes); read back and compared"
    )
    decoding = load_detector(str(output)).record.decoding
    assert (decoding.post_nms, decoding.nms_thresh, decoding.nms_topk) == (7, 0.6, 400)


def test_missing_weights_leave_no_file(tmp_path):
    with pytest.raises(WeightsError, match="none.params"):
        missing = ("--pretrained", tmp_path / "none.params")
        export_network(command(*missing, "--output", tmp_path / "model"))
    assert list(tmp_path.iterdir()) == []
