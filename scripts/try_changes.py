"""Train `--recipe small` with one change at a time, over several seeds: what earns its place?

    .venv/bin/python scripts/try_changes.py --dataset-root DIR --pretrained-base FILE.params \\
        --changes none,freeze1,mosaic --seeds 0,1,2 --epochs 24 --output trials.json

Each training is a process with one thread and no data worker, so that its result depends on its
seed alone; --beside runs several at once. Every validation scores the moving averages of
the weights too. The same command goes on where it was stopped. The table has the mAP after the last
epoch: of each seed, its mean, its mean gain over the weights of the training without a change, and
with how many seeds it gained.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_ssd.errors import OptionError  # noqa: E402
from gluon_ssd.options.declare import option, parse  # noqa: E402
from gluon_ssd.system.files import ensure_directory, write_json  # noqa: E402
from gluon_ssd.system.script import run_main  # noqa: E402
from scripts.trials.changes import CHANGES  # noqa: E402


@dataclass(frozen=True)
class TrialOptions:
    """Options of scripts/try_changes.py."""

    dataset_root: str = option("", "folder of the data set")
    splits: str = option("train", "splits to train on")
    val_splits: str = option("val", "splits to validate on")
    limit_images: int = option(0, "use only the first N images; 0 uses all", minimum=0)
    pretrained_base: str = option("", "file of ImageNet weights of mobilenet1.0")
    changes: str = option(",".join(CHANGES), "what is tried, joined by a comma")
    seeds: str = option("0,1,2", "seeds of the trainings, joined by a comma")
    epochs: int = option(60, "epochs of each training", minimum=1)
    beside: int = option(1, "trainings at once", minimum=1)
    output: str = option(
        "trials.json", "JSON file of all scores; the trainings get a folder of its name"
    )

    def __post_init__(self) -> None:
        for name in ("dataset_root", "pretrained_base"):
            if not getattr(self, name):
                flag = f"--{name.replace('_', '-')}"
                raise OptionError(f"{flag} is needed; see try_changes.py --help")
        if unknown := [change for change in self.tried if change not in CHANGES]:
            raise OptionError(f"--changes wants some of {', '.join(CHANGES)}; got {unknown[0]!r}")
        if not all(seed.isdecimal() for seed in self.seeds.split(",")):
            raise OptionError(f"--seeds wants numbers such as 0,1,2; got {self.seeds!r}")

    @property
    def tried(self) -> list[str]:
        """Names of the changes."""
        return self.changes.split(",")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    options = parse(TrialOptions, argv, prog="try_changes.py", description=__doc__ or "")
    # Only now, since --help needs no package.
    from scripts.trials.series import Series, table

    output = Path(options.output).expanduser().absolute()
    common = ["--recipe", "small", "--gpus", "", "-j", "0"]
    common += ["--average-weights", "0"]  # the trials score the weights beside averages of theirs
    common += ["--dataset-root", str(Path(options.dataset_root).expanduser().absolute())]
    common += ["--splits", options.splits, "--val-splits", options.val_splits]
    common += ["--limit-images", str(options.limit_images)]
    common += ["--val-interval", str(max(1, options.epochs // 5))]
    common += ["--pretrained-base", str(Path(options.pretrained_base).expanduser().absolute())]
    series = Series(ensure_directory(output.with_suffix("")), common, options.epochs)
    jobs = [(change, int(seed)) for seed in options.seeds.split(",") for change in options.tried]
    scores = series.run(jobs, options.beside)
    write_json(output, [{"change": c, "seed": s, **each} for (c, s), each in scores.items()])
    print(table(scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
