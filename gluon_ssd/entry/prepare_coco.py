"""Fetch and unpack COCO 2017 for --dataset coco; run it again to go on where it stopped.

python scripts/prepare_coco.py
python scripts/prepare_coco.py --splits val2017 --dataset-root data
python scripts/prepare_coco.py --mirror http://mirror.example/coco --parallel 1
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.prepare import PrepareCocoOptions
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Have the data set. Returns the exit code: 2 if something is missing."""
    return run_main(lambda: _run(argv), spellings(PrepareCocoOptions))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(PrepareCocoOptions, argv, prog="prepare_coco.py", description=__doc__ or "")

    from gluon_ssd.commands.prepare_published import prepare_coco
    from gluon_ssd.system.log import console_log

    with console_log():
        print("\n".join(map(one_line, prepare_coco(options))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
