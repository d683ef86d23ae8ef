"""Detect and train side by side for a long time: do memory, threads, files or processes pile up?

    .venv/bin/python scripts/soak.py --model-prefix model/ssd --dataset-root DIR --output soak.json
    .venv/bin/python scripts/soak.py --minutes 5 --detections 2000 --every 1 \\
        --model-prefix model/ssd --dataset-root DIR --output soak.json

One process detects, in MXNet, ONNX Runtime and OpenVINO by turns. Beside it a small network is
trained, whose data workers are killed now and then, and which is stopped and resumed. OUTPUT gets
all samples, and the picture beside it their curves. Exit code 1 where something grows, a run does
not go on, or anything is left over.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.errors import OptionError  # noqa: E402
from gluon_ssd.options.declare import option, parse  # noqa: E402
from gluon_ssd.system.files import ensure_directory, ensure_writable, write_json  # noqa: E402
from gluon_ssd.system.script import run_main  # noqa: E402


@dataclass(frozen=True)
class SoakOptions:
    """Options of scripts/soak.py."""

    minutes: float = option(60.0, "time over which the detections are spread", minimum=0.05)
    detections: int = option(50_000, "pictures in all", minimum=1)
    model_prefix: str = option("", "exported MXNet model that detects")
    dataset_root: str = option("", "folder whose pictures are detected, again and again")
    output: str = option("", "JSON file of all samples; the picture of the same name is .png")
    work: str = option("", "folder for data, models and runs; empty is OUTPUT without its ending")
    round: int = option(200, "pictures between two runtimes", minimum=1)
    reload: bool = option(False, "load the model anew at every turn of a runtime")
    every: float = option(10.0, "seconds between samples", minimum=0.1)
    life: float = option(
        15.0,
        "minutes of a training between kills, at the end of which it is stopped and resumed",
        minimum=0,
    )
    kill_every: float = option(
        30.0, "mean seconds until a data worker is killed, where it is its turn", minimum=0.5
    )
    seed: int = option(0, "seed of the kills", minimum=0)

    def __post_init__(self) -> None:
        for name in ("model_prefix", "dataset_root", "output"):
            if not getattr(self, name):
                raise OptionError(f"--{name.replace('_', '-')} is needed; see soak.py --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(SoakOptions, argv, prog="soak.py", description=__doc__ or "")
    # Only now, since --help needs no package.
    from scripts.reliability.soak import Plan, soak
    from scripts.reliability.soak_picture import draw
    from scripts.reliability.soak_record import opened, verdicts

    output = Path(options.output).expanduser().absolute()
    ensure_writable(output)
    plan = Plan(
        ensure_directory(Path(options.work or output.with_suffix("")).absolute()),
        Path(options.model_prefix).expanduser(),
        Path(options.dataset_root).expanduser(),
        minutes=options.minutes,
        detections=options.detections,
        round=options.round,
        reload=options.reload,
        every_s=options.every,
        life_s=60 * options.life,
        kill_every_s=options.kill_every,
        seed=options.seed,
    )
    soaked = soak(plan)
    found = verdicts(soaked.samples)
    content = {"options": asdict(options), **soaked.facts, "problems": soaked.problems}
    content["verdicts"] = [asdict(verdict) for verdict in found]
    write_json(output, {**content, "samples": [sample.record() for sample in soaked.samples]})
    draw(soaked.samples, output.with_suffix(".png"))
    print(*found, *opened(soaked.samples), *soaked.problems, soaked.said, sep="\n")
    return int(bool(soaked.problems) or any(verdict.is_flat is False for verdict in found))


if __name__ == "__main__":
    sys.exit(main())
