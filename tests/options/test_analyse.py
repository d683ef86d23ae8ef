"""Options of analyse_ssd.py, and those of reports in eval_ssd.py."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.analyse import AnalyseCommand
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand


def parse_here(command, argv):
    return parse(command, argv, prog="script.py", description="")


def test_without_detections_it_says_where_they_come_from():
    with pytest.raises(OptionError, match="--detections names no file; eval_ssd.py --save-detect"):
        parse_here(AnalyseCommand, [])


def test_options_of_loading_have_no_effect():
    with pytest.raises(OptionError, match="--worker-timeout has no effect in an analysis"):
        parse_here(AnalyseCommand, ["--detections", "d", "--worker-timeout", "3"])


@pytest.mark.parametrize("options", [["--against", "d.json"], ["--report-errors", "3"]])
def test_options_of_a_report_need_one(options):
    given = ["--deploy", "--model-prefix", "m", *options]
    with pytest.raises(OptionError, match="no effect without --report"):
        parse_here(EvalCommand, given)
    assert parse_here(EvalCommand, [*given, "--report", "r"]).eval.report == "r"


def test_a_report_is_of_a_score():
    with pytest.raises(OptionError, match="--report has no effect where no data set is scored"):
        parse_here(EvalCommand, ["--deploy", "--model-prefix", "m", "--benchmark", "--report", "r"])
