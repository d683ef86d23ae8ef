"""Write a trained network or an exported model for MXNet, ONNX or OpenVINO, and compare.

python scripts/export_ssd.py --network mobilenet1.0 --data-shape 512 --pretrained FILE --output P
python scripts/export_ssd.py --model-prefix P --format onnx --output F.onnx --check-images FOLDER
python scripts/export_ssd.py --network mobilenet1.0 --format openvino --pretrained F --output F.xml
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.system.guard import MODEL_ADVICE, join_guard, run_guarded
from gluon_ssd.system.processes import is_child
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: export(argv), spellings(ExportCommand))


def export(argv: Sequence[str] | None) -> int:
    """Options, network, files, summary."""
    command = parse(ExportCommand, argv, prog="export_ssd.py", description=__doc__ or "")
    # Exported files come from anywhere. Called from Python, main stays in its process.
    if command.export.model_prefix and argv is None and not is_child():
        return run_guarded("the export", left="nothing was written", advice=MODEL_ADVICE)
    join_guard()
    # Only now, so that --help and option errors need neither MXNet nor NumPy.
    from gluon_ssd.commands.export import export_network
    from gluon_ssd.system.log import console_log

    with console_log():
        print(one_line(export_network(command)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
