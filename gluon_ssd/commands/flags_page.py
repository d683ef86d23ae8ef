"""docs/flags.md and docs/config: every flag of the scripts, made from the options."""

from __future__ import annotations

from typing import Any

from gluon_ssd.options.analyse import AnalyseCommand
from gluon_ssd.options.benchmark_kinds import KINDS
from gluon_ssd.options.compare_runs import CompareRunsCommand
from gluon_ssd.options.convert_dataset import ConvertDatasetCommand
from gluon_ssd.options.convert_weights import ConvertCommand
from gluon_ssd.options.data_tools import CheckOptions, PrepareShapesOptions
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.flags_table import flags_table
from gluon_ssd.options.predict import PredictCommand
from gluon_ssd.options.prepare import (
    PrepareCocoOptions,
    PrepareOpenImagesOptions,
    PrepareVocOptions,
)
from gluon_ssd.options.sample_file import sample_file
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.options.train import TrainCommand

COMMANDS: dict[str, Any] = {
    "train_ssd.py": TrainCommand,
    "eval_ssd.py": EvalCommand,
    "scripts/analyse_ssd.py": AnalyseCommand,
    "scripts/export_ssd.py": ExportCommand,
    "scripts/demo_ssd.py": DemoCommand,
    "scripts/predict_ssd.py": PredictCommand,
    "scripts/serve_ssd.py": ServeCommand,
    "scripts/compare_runs.py": CompareRunsCommand,
    "scripts/check_dataset.py": CheckOptions,
    "scripts/convert_dataset.py": ConvertDatasetCommand,
    "scripts/convert_weights.py": ConvertCommand,
    "scripts/prepare_voc.py": PrepareVocOptions,
    "scripts/prepare_coco.py": PrepareCocoOptions,
    "scripts/prepare_openimages.py": PrepareOpenImagesOptions,
    "scripts/prepare_shapes.py": PrepareShapesOptions,
    **{f"scripts/benchmark_ssd.py {kind}": options for kind, options in KINDS.items()},
}
"""Scripts, in the order of the page, and what declares their flags."""

_HEAD = """# Flags

`python scripts/update_flags.py` writes this page from the options that the scripts declare.

✚ marks what GluonCV's scripts do not have. Every option of `train_ssd.py` and `eval_ssd.py` can
also stand in an ini file given with `--config FILE`; the command line wins. Legacy flags keep
their abbreviations.
"""


def flags_page() -> str:
    """The whole page, Markdown."""
    sections = [f"\n## {script}\n\n{flags_table(of)}\n" for script, of in COMMANDS.items()]
    return _HEAD + "".join(sections)


def sample_files() -> dict[str, str]:
    """Name below docs -> text of each sample for --config."""
    scripts = ("train_ssd.py", "eval_ssd.py")
    return {
        f"config/{script.removesuffix('.py')}.ini": sample_file(COMMANDS[script], script)
        for script in scripts
    }
