"""PyTorch in a process of its own, with an environment of its own, that is asked in JSON lines.

Nothing here imports PyTorch. The other end is scripts/torch_reference, which `scripts/torch_env.sh`
makes an environment for.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from types import TracebackType
from typing import IO, Any

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.processes import Child

_ROOT = Path(__file__).resolve().parents[2]
_MODULE = "scripts.torch_reference"
_GRACE_S = 5.0

# What this process sets for MXNet; PyTorch keeps its own ways.
_NOT_FOR_TORCH = ("GOMP_SPINCOUNT", "MXNET_CPU_PARALLEL_SIZE", "DNNL_MAX_CPU_ISA")


def torch_command(python: str) -> list[str]:
    """The command that serves with a Python that has PyTorch.

    Raises:
        EnvironmentProblem: there is no such Python, or the project was installed without scripts.
    """
    program = Path(python).expanduser()
    if not program.exists():
        raise EnvironmentProblem(
            f"there is no {python}; make an environment with bash scripts/torch_env.sh, which "
            "prints the path of its Python",
            settings=("python",),
        )
    if not (_ROOT / "scripts/torch_reference").is_dir():
        raise EnvironmentProblem(
            f"there is no {_ROOT}/scripts/torch_reference: use a checkout of the project"
        )
    without = [word for name in _NOT_FOR_TORCH for word in ("-u", name)]
    return ["env", *without, str(program.absolute()), "-m", _MODULE, "serve"]


class TorchPeer:
    """A running peer; a context manager that ends it.

    Args:
        command: what to start; it reads requests from stdin and answers on stdout.
        threads: processors it may compute with.
    """

    def __init__(self, command: Sequence[str], threads: int) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (until `__exit__`)
        self._child = Child(
            command,
            cwd=_ROOT,
            environment={"OMP_NUM_THREADS": str(threads)},
            stdin=PIPE,
            stdout=PIPE,
            stderr=self._errors,
        )

    def __enter__(self) -> TorchPeer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stream in (self._child.process.stdin, self._child.process.stdout):
            if stream is not None:
                stream.close()  # the peer ends when there are no more requests
        self._child.end(_GRACE_S if error is None else 0)
        self._errors.close()

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            EnvironmentProblem: the peer ended or said something else; the last line it wrote.
        """
        requests, answers = self._child.process.stdin, self._child.process.stdout
        assert requests is not None and answers is not None, "the child was started with pipes"
        try:
            requests.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
            requests.flush()
            answer = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise EnvironmentProblem(
                f"the PyTorch process did not answer to {what!r}: {self._last_line()}"
            ) from error
        if not isinstance(answer, dict):
            raise EnvironmentProblem(f"the PyTorch process answered {answer!r} to {what!r}")
        return answer

    def _last_line(self) -> str:
        self._child.end(_GRACE_S)  # it is ending already; then its message is complete
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote no message"
