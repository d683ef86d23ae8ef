"""Say what is good and bad about a detector: a page of what it found in a data set.

    python eval_ssd.py --pretrained FILE --dataset voc --save-detections found.json
    python scripts/analyse_ssd.py --detections found.json --dataset voc --report report
    python scripts/analyse_ssd.py --detections int8.json --against report --dataset voc --report new

The page, report/index.html, needs no network. eval_ssd.py --report writes the same at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.options.analyse import AnalyseCommand
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Analyse and write the report. Returns the exit code."""
    return run_main(lambda: _run(argv), spellings(AnalyseCommand))


def _run(argv: Sequence[str] | None) -> int:
    command = parse(AnalyseCommand, argv, prog="analyse_ssd.py", description=__doc__ or "")

    from gluon_ssd.commands.analyse import analyse_detections
    from gluon_ssd.system.log import console_log

    with console_log():
        for line in analyse_detections(command):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
