"""Evaluate, benchmark or quantise an SSD detector.

python eval_ssd.py --network mobilenet1.0 --data-shape 512 --dataset voc --pretrained FILE
python eval_ssd.py --deploy --model-prefix PREFIX --data-shape 300 --dataset voc
python eval_ssd.py --deploy --model-prefix PREFIX --data-shape 300 --batch-size 1 --benchmark
python eval_ssd.py --deploy --model-prefix FILE.onnx --backend openvino --threads 2 --benchmark
python eval_ssd.py --network mobilenet1.0 --data-shape 512 --pretrained FILE --calibration
python eval_ssd.py --deploy --model-prefix PREFIX --auto_tuning --auto_tuning_config config_ssd.ini
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gluon_ssd.options.declare import as_namespace, parse, spellings
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.system.guard import MODEL_ADVICE, join_guard, run_guarded
from gluon_ssd.system.processes import is_child
from gluon_ssd.system.script import run_main, script_folder
from gluon_ssd.system.threads import use_whole_cpu


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: evaluate(argv), spellings(EvalCommand))


def evaluate(argv: Sequence[str] | None) -> int:
    """Options, model, then a benchmark or an evaluation; the legacy script's order of work."""
    command = parse(EvalCommand, argv, prog="eval_ssd.py", description=__doc__ or "")
    # Called from Python, main stays in its process.
    if argv is None and not is_child() and (guarded := _guarded(command)):
        return run_guarded(guarded[0], left=guarded[1], advice=guarded[2])
    join_guard()
    use_whole_cpu(threads=command.runtime.threads)
    # Only now, so that --help and option errors need no NumPy.
    from gluon_ssd.system.log import console_log

    print(as_namespace(command), flush=True)
    with console_log():
        for line in _lines(command):
            print(line, flush=True)
    return 0


def _guarded(command: EvalCommand) -> tuple[str, str, str] | None:
    """What runs in a child process, what a sudden end leaves, and what to do after a crash.

    None for what stays in this process.

    A search runs native code of another library hundreds of times. Exported files come from
    anywhere, and what they hold runs in native code, of whatever runtime.
    """
    if command.deploy.auto_tuning:
        return "the search", "the same command goes on from its history", ""
    if command.calibrates:
        return "the calibration", "nothing was written", MODEL_ADVICE
    return ("the evaluation", "", MODEL_ADVICE) if command.deploy.deploy else None


def _lines(command: EvalCommand) -> Iterator[str]:
    """What to print. Of commands that need MXNet only the one that runs is imported."""
    if command.deploy.auto_tuning:
        from gluon_ssd.commands.tune import tune

        return tune(command, script_folder())
    if command.calibrates:
        from gluon_ssd.commands.calibrate import calibrate

        return calibrate(command, script_folder())
    from gluon_ssd.commands.evaluate import evaluate as score
    from gluon_ssd.commands.evaluate import evaluation_model
    from gluon_ssd.commands.time_model import benchmark_lines, inference_lines

    model = evaluation_model(command)
    if command.benchmark.benchmark:
        return benchmark_lines(command, model)
    return inference_lines(command, model) if command.times_inference else score(command, model)


if __name__ == "__main__":
    raise SystemExit(main())
