"""Serve a detector over HTTP, as SageMaker's hosting calls a container.

python scripts/serve_ssd.py --model-prefix model/ssd
python scripts/serve_ssd.py --model-prefix ssd.xml --host 0.0.0.0 --port 8080
python scripts/serve_ssd.py --model-prefix ssd.onnx --batch-size 16 --max-requests 128

GET /ping says whether it is ready, POST /invocations takes a JPEG or PNG and answers what is in it,
GET /metrics has numbers for Prometheus. SIGTERM ends it when what it has accepted is answered.
"""

from __future__ import annotations

from collections.abc import Sequence

from gluon_ssd.options.declare import parse, spellings
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.system.guard import MODEL_ADVICE, join_guard, run_guarded
from gluon_ssd.system.processes import is_child
from gluon_ssd.system.script import run_main
from gluon_ssd.system.threads import use_whole_cpu


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    return run_main(lambda: serve(argv), spellings(ServeCommand))


def serve(argv: Sequence[str] | None) -> int:
    """Options, model, requests until a signal comes."""
    command = parse(ServeCommand, argv, prog="serve_ssd.py", description=__doc__ or "")
    # Exported files come from anywhere. Called from Python, main stays in its process.
    if argv is None and not is_child():
        return run_guarded("the service", advice=MODEL_ADVICE)
    join_guard()
    use_whole_cpu(threads=command.threads)
    # Only now, so that --help and option errors need no NumPy.
    from gluon_ssd.commands.wiring.serving import run_service
    from gluon_ssd.system.log import console_log

    with console_log():
        run_service(command)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
