"""The tables of README.md that are made from the options."""

from __future__ import annotations

from gluon_ssd.errors import DataError
from gluon_ssd.options.declare import flags_table
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.predict import PredictCommand
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.options.train import TrainCommand

TABLES = {
    "train_ssd.py": TrainCommand,
    "eval_ssd.py": EvalCommand,
    "scripts/export_ssd.py": ExportCommand,
    "scripts/demo_ssd.py": DemoCommand,
    "scripts/predict_ssd.py": PredictCommand,
    "scripts/serve_ssd.py": ServeCommand,
}


def with_current_tables(text: str) -> str:
    """README text with each table between its two markers made anew.

    Raises:
        DataError: a marker is missing.
    """
    for script, command in TABLES.items():
        start, end = f"<!-- flags of {script} -->", f"<!-- end of {script} -->"
        before, found, rest = text.partition(start)
        _, found_end, after = rest.partition(end)
        if not found or not found_end:
            raise DataError(f"README.md lacks the marker {start} or {end}; put both back")
        text = f"{before}{start}\n{flags_table(command)}\n{end}{after}"
    return text
