"""Detect objects in all images of a folder; write a table as JSON lines or Parquet.

python scripts/predict_ssd.py --model-prefix model/ssd --images photos --output found
python scripts/predict_ssd.py --model-prefix ssd.onnx --images photos --format parquet
python scripts/predict_ssd.py --model-prefix ssd.xml --images photos --thresh 0.3 --batch-size 16

A run that was stopped goes on with the same command; images that were added are detected then too.
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.predict import PredictCommand
from gluon_ssd.system.guard import MODEL_ADVICE, join_guard, run_guarded
from gluon_ssd.system.processes import is_child
from gluon_ssd.system.script import run_main
from gluon_ssd.system.threads import use_whole_cpu


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: predict(argv), spellings(PredictCommand))


def predict(argv: Sequence[str] | None) -> int:
    """Options, model, images, table."""
    command = parse(PredictCommand, argv, prog="predict_ssd.py", description=__doc__ or "")
    # Exported files come from anywhere. Called from Python, main stays in its process.
    if argv is None and not is_child():
        return run_guarded("the detection", left="what was found is kept", advice=MODEL_ADVICE)
    join_guard()
    use_whole_cpu(threads=command.threads)
    # Only now, so that --help and option errors need no NumPy.
    from gluon_ssd.commands.predict_folder import predict_folder
    from gluon_ssd.system.log import console_log

    with console_log():
        for line in predict_folder(command):
            print(one_line(line), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
