"""Draw the shapes data set: seven shapes to detect, in VOC layout, in about 15 seconds.

python scripts/prepare_shapes.py
python scripts/prepare_shapes.py --output data/shapes --num-train 300 --num-val 50
python train_ssd.py --dataset shapes --dataset-root data --network mobilenet0.25
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.data_tools import PrepareShapesOptions
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the set, or leave it if it is there. Returns the exit code."""
    return run_main(lambda: _run(argv), spellings(PrepareShapesOptions))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(PrepareShapesOptions, argv, prog="prepare_shapes.py", description=__doc__ or "")

    from gluon_ssd.commands.prepare_data import prepare_shapes

    print(one_line(f"shapes data set in {prepare_shapes(options)}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
