"""Fetch and unpack PASCAL VOC for --dataset voc; run it again to go on where it stopped.

python scripts/prepare_voc.py
python scripts/prepare_voc.py --splits 2007_trainval+2007_test --keep-archives
python scripts/prepare_voc.py --mirror http://mirror.example/voc --parallel 1
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.prepare import PrepareVocOptions
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Have the data set. Returns the exit code: 2 if something is missing."""
    return run_main(lambda: _run(argv), spellings(PrepareVocOptions))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(PrepareVocOptions, argv, prog="prepare_voc.py", description=__doc__ or "")

    from gluon_ssd.commands.prepare_published import prepare_voc
    from gluon_ssd.system.log import console_log

    with console_log():
        print("\n".join(map(one_line, prepare_voc(options))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
