"""Say what is wrong with a data set, counted by reason, with file names.

    python scripts/check_dataset.py --dataset voc --dataset-root ~/.mxnet/datasets
    python scripts/check_dataset.py --dataset custom --dataset-root my_data --splits train --list
    python scripts/check_dataset.py --dataset coco --splits val2017 --fast

Every image is decoded, unless --fast is given. Exit code 0: fine; 2: more than --max-bad-share
is bad, or the data set cannot be opened.
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Check and report. Returns the exit code."""
    return run_main(lambda: _run(argv), spellings(CheckOptions))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(CheckOptions, argv, prog="check_dataset.py", description=__doc__ or "")

    from gluon_ssd.commands.check_data import check_reports
    from gluon_ssd.system.log import console_log

    reports = []
    with console_log():
        for report in check_reports(options):
            lines = report.lines(examples=None if options.list else 3)
            print("\n".join(map(one_line, lines)), flush=True)
            reports.append(report)
    for report in reports:
        report.stop_above(options.max_bad_share)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
