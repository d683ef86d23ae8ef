"""Convert weights of published PyTorch code to this project's files and back; no PyTorch needed.

python scripts/convert_weights.py --input nvidia_ssd300.pt --output ssd300.params
python scripts/convert_weights.py --input ssd300.params --to torch --output ssd300.pt
python scripts/convert_weights.py --input resnet50-0676ba61.pth --to onnx --output resnet50.onnx
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.convert_weights import ConvertCommand
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: convert(argv), spellings(ConvertCommand))


def convert(argv: Sequence[str] | None) -> int:
    """Options, weights, files, summary."""
    command = parse(ConvertCommand, argv, prog="convert_weights.py", description=__doc__ or "")
    # Only now, so that --help and option errors need neither MXNet nor NumPy.
    from gluon_ssd.commands.convert_weights import convert_weights
    from gluon_ssd.system.log import console_log

    with console_log():
        print(one_line(convert_weights(command)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
