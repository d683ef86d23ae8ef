"""Detect objects in pictures, films and cameras; write them drawn, and as JSON, CSV and others.

python scripts/demo_ssd.py --model-prefix model/ssd --images photo.jpg,folder,film.mp4
python scripts/demo_ssd.py --network ssd_512_mobilenet1.0_voc --pretrained FILE --images folder
python scripts/demo_ssd.py --model-prefix model/ssd.xml --images film.mp4 --every 10 --save json,csv
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.errors import one_line
from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.system.guard import MODEL_ADVICE, join_guard, run_guarded
from gluon_ssd.system.processes import is_child
from gluon_ssd.system.script import run_main
from gluon_ssd.system.threads import use_whole_cpu


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: demo(argv), spellings(DemoCommand))


def demo(argv: Sequence[str] | None) -> int:
    """Options, model, pictures, summary."""
    command = parse(DemoCommand, argv, prog="demo_ssd.py", description=__doc__ or "")
    # Exported files come from anywhere. Called from Python, main stays in its process.
    if command.model_prefix and argv is None and not is_child():
        return run_guarded("the demo", advice=MODEL_ADVICE)
    join_guard()
    use_whole_cpu(threads=command.threads)
    # Only now, so that --help and option errors need neither MXNet nor NumPy.
    from gluon_ssd.commands.demo import detect_pictures
    from gluon_ssd.system.log import console_log

    with console_log():
        for line in detect_pictures(command):
            print(one_line(line), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
