"""Make a folder in one step: it stands there whole or not at all. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gluon_ssd.system.files import ensure_directory, write_problem
from gluon_ssd.system.scratch import scratch_folder


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes `target` when the block ends well, and goes otherwise.

    It lies beside the target, which must be absent or an empty folder by then.

    Raises:
        EnvironmentProblem: it cannot be written, or the disk is full.
    """
    ensure_directory(target.parent)
    try:
        with scratch_folder(target) as folder:
            temporary = folder / target.name
            temporary.mkdir()
            yield temporary
            os.replace(temporary, target)
    except OSError as error:
        raise write_problem(target, error) from error
