"""NNCF without messages on the terminal, without bars and without telemetry."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from gluon_ssd.deploy.openvino.nncf_library import nncf_library, quiet_nncf, require_nncf
from gluon_ssd.errors import EnvironmentProblem

needs_nncf = pytest.mark.openvino


@needs_nncf
def test_telemetry_is_off(monkeypatch) -> None:
    monkeypatch.delenv("NNCF_CI", raising=False)
    nncf_library()
    assert os.environ["NNCF_CI"] == "1"


@needs_nncf
def test_messages_go_into_the_file_and_later_ones_where_they_went(tmp_path: Path, capfd) -> None:
    require_nncf()
    logger = logging.getLogger("nncf")
    before = list(logger.handlers)
    with quiet_nncf(tmp_path / "library.log"):
        logger.info("ranges")
    assert "INFO ranges" in (tmp_path / "library.log").read_text()
    assert logger.handlers == before
    assert capfd.readouterr() == ("", "")


@needs_nncf
def test_messages_and_bars_are_dropped_without_a_file(capfd) -> None:
    from nncf.common.logging.track_progress import track

    with quiet_nncf():
        logging.getLogger("nncf").warning("ranges")
        assert list(track([1, 2], description="images")) == [1, 2]
    assert capfd.readouterr() == ("", "")


@needs_nncf
def test_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="that path is a folder"), quiet_nncf(tmp_path):
        pass


def test_missing_library_names_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(EnvironmentProblem, match="bash scripts/setup.sh --extras openvino"):
        require_nncf()
