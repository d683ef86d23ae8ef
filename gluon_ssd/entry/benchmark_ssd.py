"""Measure the fast parts against the ways they replace, in turns, in one run.

python scripts/benchmark_ssd.py data   --dataset-root DIR --splits 2007_test --data-shape 512
python scripts/benchmark_ssd.py dali   --dataset-root DIR --splits 2007_test --data-shape 300
python scripts/benchmark_ssd.py decode --network ssd_512_vgg16_atrous_voc --num-classes 20
python scripts/benchmark_ssd.py eval   --model-prefix PREFIX --dataset-root DIR
python scripts/benchmark_ssd.py deploy --model-prefix PREFIX --data-shape 300
python scripts/benchmark_ssd.py model  --network ssd300_resnet50 ssd_512_mobilenet1.0_voc
python scripts/benchmark_ssd.py amp    --networks ssd_300_vgg16_atrous_voc --batch-size 4
OMP_NUM_THREADS=1 horovodrun -np 2 --gloo python scripts/benchmark_ssd.py scaling
python scripts/benchmark_ssd.py network-bound --batch-size 8
python scripts/benchmark_ssd.py contended --model-prefix MODEL.onnx
python scripts/benchmark_ssd.py overlap --model-prefix MODEL.onnx --dataset-root DIR
python scripts/benchmark_ssd.py serve --model-prefix MODEL.onnx --images DIR
python scripts/benchmark_ssd.py table  --output table.json
python scripts/benchmark_ssd.py torch  --python "$(bash scripts/torch_env.sh)"
python scripts/benchmark_ssd.py formats --network ssd_512_mobilenet1.0_voc --output formats.json
python scripts/benchmark_ssd.py loadgen --model-prefix MODEL.xml --dataset-root DIR
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmark_kinds import KINDS, ON_WHOLE_CPU, RUNS_FILES
from gluon_ssd.options.declare import parse, spellings, suggestion
from gluon_ssd.system.cpu import use_amx
from gluon_ssd.system.guard import MODEL_ADVICE, join_guard, run_guarded
from gluon_ssd.system.processes import is_child
from gluon_ssd.system.script import run_main
from gluon_ssd.system.threads import use_whole_cpu


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    words = sys.argv[1:] if argv is None else argv
    flags = spellings(KINDS[words[0]]) if words and words[0] in KINDS else {}
    return run_main(lambda: benchmark(words, guarded=argv is None), flags)


def benchmark(argv: Sequence[str], *, guarded: bool) -> int:
    """Choose what to measure, read its options, print the table."""
    if not argv:
        raise OptionError(f"name what to measure: {', '.join(KINDS)}; see --help")
    if argv[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    kind = argv[0]
    if kind not in KINDS:
        raise OptionError(
            f"unknown benchmark {kind!r}; there are {', '.join(KINDS)}{suggestion(kind, [*KINDS])}"
        )
    options: Any = parse(
        KINDS[kind], argv[1:], prog=f"benchmark_ssd.py {kind}", description=__doc__ or ""
    )
    # Exported files come from anywhere. Called from Python, main stays in its process.
    if kind in RUNS_FILES and guarded and not is_child():
        return run_guarded("the benchmark", advice=MODEL_ADVICE)
    join_guard()
    if kind in ON_WHOLE_CPU:
        use_whole_cpu(cores="all")
    elif kind == "amp":
        use_amx()  # as train_ssd.py --amp does
    # Only now, so that --help and option errors need neither MXNet nor NumPy.
    from gluon_ssd.benchmarks.run import run_benchmark
    from gluon_ssd.system.log import console_log

    with console_log():
        print(run_benchmark(kind, options))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
