"""Fetch and convert MLPerf's subset of Open Images v6; run it again to go on where it stopped.

python scripts/prepare_openimages.py
python scripts/prepare_openimages.py --splits validation --parallel 64
python scripts/prepare_openimages.py --limit-images 100 --dataset-root data
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.prepare import PrepareOpenImagesOptions
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Have the data set. Returns the exit code: 2 if something is missing."""
    return run_main(lambda: _run(argv), spellings(PrepareOpenImagesOptions))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(
        PrepareOpenImagesOptions, argv, prog="prepare_openimages.py", description=__doc__ or ""
    )

    from gluon_ssd.commands.prepare_openimages import prepare_openimages
    from gluon_ssd.system.log import console_log

    with console_log():
        print("\n".join(map(one_line, prepare_openimages(options))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
