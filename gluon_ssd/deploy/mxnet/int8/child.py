"""Quantise in a process of its own, so that a crash in native code costs one line.

The parent keeps the folder in which the child writes; files leave it only when all went well. The
child ends when its parent does, in whatever way, and then clears that folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, Any, NoReturn

from gluon_ssd import errors
from gluon_ssd.compat import mx
from gluon_ssd.deploy.agreement import Agreement
from gluon_ssd.deploy.mxnet.files import exported_files, last_line
from gluon_ssd.deploy.mxnet.int8.layer_errors import LayerError, layer_errors
from gluon_ssd.deploy.mxnet.int8.quantize import (
    Progress,
    check_images,
    check_pair,
    prepare_detector,
    quantize_detector,
)
from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
from gluon_ssd.errors import EnvironmentProblem, ModelError, SsdError
from gluon_ssd.system.files import ensure_directory, write_problem
from gluon_ssd.system.guard import crash_plainly

_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from gluon_ssd.deploy.mxnet.int8.child import main
main(int(sys.argv[2]), sys.argv[3])
"""
_LAST_LINES = 4000  # characters of a child's complaint that are shown


def quantize_in_child(
    prefix_in: str,
    prefix_out: str,
    batches: StoredBatches,
    *,
    mode: str,
    dtype: str = "auto",
    excluded: Iterable[str] = (),
    progress: Progress | None = None,
) -> Agreement:
    """Do what `quantize_detector` does, in a child process.

    Args:
        prefix_in: the fp32 model's two files.
        prefix_out: the two files to write, both or neither.
        batches: the images; their size is the network's.
        mode, dtype, excluded, progress: as of `quantize_detector`.

    Raises:
        SsdError: as `quantize_detector` does.
        EnvironmentProblem: the child died.
    """
    target = Path(prefix_out)
    job = _job(prefix_in, batches, mode, dtype)
    job |= {"name": target.name, "excluded": list(excluded)}
    ensure_directory(target.parent)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            agreement = _follow(job, folder, progress)
            staged = exported_files(str(Path(folder) / target.name))
            for source, end in zip(staged, exported_files(prefix_out), strict=True):
                os.replace(source, end)
    except OSError as error:
        raise write_problem(target, error) from error
    return Agreement(**agreement)


def rank_layers_in_child(
    prefix: str,
    batches: StoredBatches,
    *,
    mode: str,
    dtype: str = "auto",
    progress: Progress | None = None,
) -> list[LayerError]:
    """Do what `layer_errors` does, in a child process.

    Args:
        prefix: the fp32 model's two files.
        batches: the images; their size is the network's.
        mode, dtype, progress: as of `layer_errors`.

    Raises:
        SsdError: as `layer_errors` does.
        EnvironmentProblem: the child died.
    """
    job = _job(prefix, batches, mode, dtype)
    with tempfile.TemporaryDirectory(prefix="gluon_ssd-") as folder:
        found = _follow(job, folder, progress)
    return [LayerError(**error) for error in found]


def _job(prefix: str, batches: StoredBatches, mode: str, dtype: str) -> dict[str, Any]:
    """What a child has to know for any task. Raises OptionError for what cannot be done."""
    check_pair(mode, dtype)
    check_images(mode, batches.num_images)
    return {
        "prefix_in": prefix,
        "mode": mode,
        "dtype": dtype,
        "descriptor": batches.descriptor,
        "image_shape": batches.image_shape,
        "sizes": batches.sizes,
    }


def _follow(job: dict[str, Any], folder: str, progress: Progress | None) -> Any:
    """Start the child and wait for what it has to say."""
    stage = "starting"
    with tempfile.TemporaryFile() as complaints, _child(job, folder, complaints) as started:
        process, connection = started
        try:
            connection.send_bytes(json.dumps(job).encode())
            while True:
                message = json.loads(connection.recv_bytes())
                if "progress" in message:
                    stage, done, total = message["progress"]
                    if progress:
                        progress(stage, done, total)
                elif "error" in message:
                    kind, text = message["error"]
                    raise getattr(errors, kind)(text)
                else:
                    return message["result"]
        except (EOFError, ConnectionError):
            code = process.wait()
            complaints.seek(0)
            raise _obituary(job, stage, code, complaints.read().decode(errors="replace")) from None


@contextmanager
def _child(
    job: dict[str, Any], folder: str, complaints: IO[bytes]
) -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
    """A started child; it is gone when the block ends."""
    ours, theirs = Pipe()
    arguments = [json.dumps([str(entry) for entry in sys.path]), str(theirs.fileno()), folder]
    process = subprocess.Popen(
        [sys.executable, "-c", _BOOT, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=complaints,
        stderr=complaints,
        pass_fds=(theirs.fileno(), job["descriptor"]),
        # Ctrl-C in a terminal reaches the parent alone, which then ends its child.
        start_new_session=True,
    )
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        ours.close()


def _obituary(job: dict[str, Any], stage: str, code: int, text: str) -> Exception:
    """What to raise for a child that ended without a word."""
    if code >= 0:
        return RuntimeError(f"quantising ended with exit code {code}:\n{text[-_LAST_LINES:]}")
    name = signal.Signals(-code).name
    advice = "try another --calib-mode, or other images"
    if -code == signal.SIGKILL:
        advice = "memory may have run out: use a smaller --batch-size"
    return EnvironmentProblem(
        f"quantising {job['prefix_in']} ended by signal {name} in native code (stage: {stage}); "
        f"nothing was written; {advice}"
    )


def main(connection_number: int, folder: str) -> NoReturn:
    """The child: one job, one answer, and out.

    Args:
        connection_number: file descriptor of the pipe to the parent.
        folder: where to write; cleared when the parent is gone.
    """
    connection = Connection(connection_number)
    crash_plainly()
    try:
        job = json.loads(connection.recv_bytes())
        threading.Thread(target=_end_with_parent, args=(connection, folder), daemon=True).start()
        _send(connection, _answer(job, connection, folder))
    except (EOFError, ConnectionError):
        shutil.rmtree(folder, ignore_errors=True)
    # MXNet's own clean-up at exit has nothing to add, and can fail after errors.
    os._exit(0)


def _answer(job: dict[str, Any], connection: Connection, folder: str) -> dict[str, Any]:
    batches = StoredBatches(job["descriptor"], tuple(job["image_shape"]), job["sizes"])
    size = batches.image_shape[1], batches.image_shape[2]

    def tell(stage: str, done: int, total: int) -> None:
        _send(connection, {"progress": (stage, done, total)})

    how = {"mode": job["mode"], "dtype": job["dtype"], "progress": tell}
    try:
        if "name" in job:
            target = str(Path(folder) / job["name"])
            agreement = quantize_detector(
                job["prefix_in"],
                target,
                batches,
                excluded=job["excluded"],
                input_size_hw=size,
                **how,
            )
            return {"result": agreement.to_dict()}
        found = layer_errors(prepare_detector(job["prefix_in"], size), batches, **how)
        return {"result": [asdict(error) for error in found]}
    except SsdError as error:
        return {"error": (type(error).__name__, str(error))}
    except mx.MXNetError as error:
        text = f"MXNet cannot quantise {job['prefix_in']}: {last_line(error)}"
        return {"error": (ModelError.__name__, text)}


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


def _end_with_parent(connection: Connection, folder: str) -> None:
    """Leave when the other end closes, whatever the main thread is at."""
    try:
        connection.recv_bytes()
    except (EOFError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
