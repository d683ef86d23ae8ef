"""Write a data set in another form: VOC layout, COCO JSON, YOLO txt or RecordIO.

    python scripts/convert_dataset.py my_data my_data_voc --to voc
    python scripts/convert_dataset.py my_data my_data_coco --to coco --splits train,val,test --link
    python scripts/convert_dataset.py ~/.mxnet/datasets voc_rec --dataset voc --to recordio

Image files are copied as they are. What the target cannot hold is counted, and the target is read
back and compared with the source before it takes its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.convert_dataset import ConvertDatasetCommand
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.system.script import run_main


def main(argv: Sequence[str] | None = None) -> int:
    """Convert. Returns the exit code."""
    return run_main(lambda: _run(argv), spellings(ConvertDatasetCommand))


def _run(argv: Sequence[str] | None) -> int:
    command = parse(
        ConvertDatasetCommand, argv, prog="convert_dataset.py", description=__doc__ or ""
    )

    from gluon_ssd.commands.convert_dataset import convert_dataset
    from gluon_ssd.system.log import console_log

    with console_log():
        for line in convert_dataset(command):
            print(one_line(line), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
