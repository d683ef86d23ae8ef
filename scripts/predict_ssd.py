#!/usr/bin/env python3
"""Detect objects in all images of a folder; write a table as JSON lines or Parquet.

python scripts/predict_ssd.py --model-prefix model/ssd --images photos --output found
python scripts/predict_ssd.py --model-prefix ssd.onnx --images photos --format parquet
python scripts/predict_ssd.py --model-prefix ssd.xml --images photos --thresh 0.3 --batch-size 16

A run that was stopped goes on with the same command; images that were added are detected then too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.options.declare import parse, spellings  # noqa: E402
from gluon_ssd.options.predict import PredictCommand  # noqa: E402
from gluon_ssd.system.script import run_main  # noqa: E402
from gluon_ssd.system.threads import use_whole_cpu  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: predict(argv), spellings(PredictCommand))


def predict(argv: Sequence[str] | None) -> int:
    """Options, model, images, table."""
    command = parse(PredictCommand, argv, prog="predict_ssd.py", description=__doc__ or "")
    use_whole_cpu()
    # Only now, so that --help and option errors need no NumPy.
    from gluon_ssd.commands.predict_folder import predict_folder
    from gluon_ssd.system.log import console_log

    with console_log():
        for line in predict_folder(command):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
