"""NNCF, OpenVINO's library that quantises, and how to keep it quiet."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import write_problem

LOG = "library.log"
"""Name of the file, in the workspace of a search, for what the library says."""
_TELEMETRY_OFF = "NNCF_CI"
"""With this variable set the library sends nothing about its use to anybody."""


def nncf_library() -> Any:
    """The module, with its telemetry turned off.

    Raises:
        EnvironmentProblem: the extra is missing.
    """
    os.environ.setdefault(_TELEMETRY_OFF, "1")
    try:
        import nncf
    except ImportError as error:
        raise EnvironmentProblem(
            f"int8 models of OpenVINO need NNCF, which cannot be imported ({error}); run "
            "bash scripts/setup.sh --extras openvino"
        ) from error
    return nncf


def require_nncf() -> None:
    """Raise EnvironmentProblem when the extra is missing."""
    nncf_library()


@contextmanager
def quiet_nncf(log: Path | None = None) -> Iterator[Any]:
    """Yield the module; its messages go into a file, or nowhere, and it draws no progress bars.

    It compiles with the `Core` of this process, where it would make one for every network: see
    there what happens when two of them go.

    Raises:
        EnvironmentProblem: the extra is missing, or the file cannot be written.
    """
    nncf = nncf_library()
    import rich

    logger, console = logging.getLogger("nncf"), rich.get_console()
    handlers, was_quiet = logger.handlers[:], console.quiet
    try:
        handler = logging.FileHandler(log, encoding="utf-8") if log else logging.NullHandler()
    except OSError as error:
        raise write_problem(log or "", error) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.handlers, console.quiet = [handler], True
    try:
        with _one_core():
            yield nncf
    finally:
        logger.handlers, console.quiet = handlers, was_quiet
        handler.close()


@contextmanager
def _one_core() -> Iterator[None]:
    """Within the block OpenVINO makes no new `Core`: who asks for one gets that of this process."""
    import openvino

    from gluon_ssd.deploy.openvino.core import CORE

    before = openvino.Core, openvino.compile_model
    openvino.Core, openvino.compile_model = (lambda: CORE), CORE.compile_model
    try:
        yield
    finally:
        openvino.Core, openvino.compile_model = before
