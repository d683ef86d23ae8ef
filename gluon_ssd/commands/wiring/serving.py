"""Options -> a service: a model behind HTTP."""

from __future__ import annotations

import ipaddress
import logging

from gluon_ssd.commands.wiring.exported import deployed_model, inference_device
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.inference.batches import Detecting, SharedModel
from gluon_ssd.inference.found import class_names
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.options.shared import whole_numbers
from gluon_ssd.serving.limits import ServeLimits

_log = logging.getLogger(__name__)

_MIB = 1 << 20
_BATCH, _BATCH_OF_ONE_THREAD = 8, 2


def run_service(command: ServeCommand) -> None:
    """Listen, load the model meanwhile, and answer until a signal ends it in good order.

    Raises:
        ModelError, WeightsError, OptionError: the model or the names of its classes cannot be used.
        EnvironmentProblem: a package is missing, or nothing can listen at that address.
    """
    try:
        # Only now, for FastAPI and uvicorn are an extra.
        from gluon_ssd.serving.server import listen, serve
    except ModuleNotFoundError as error:
        raise EnvironmentProblem(
            f"the package {error.name} is not installed; run: bash scripts/setup.sh --extras serve"
        ) from error

    with listen(command.host, command.port) as listening:
        host, port = listening.getsockname()[:2]
        _log.info("%s", address_line(host, port))
        _log.info("loading %s ...", command.model_prefix)
        answers = serve(lambda: _detecting(command), limits_of(command), listening)
    _log.info("ended in good order; %d requests were answered", answers)


def address_line(host: str, port: int) -> str:
    """The line that says where a service listens, and who can reach it."""
    address = ipaddress.ip_address(host)
    name = f"[{host}]" if address.version == 6 else host
    reach = (
        "which this machine alone can reach; --host 0.0.0.0 lets others in"
        if address.is_loopback
        else "which other machines can reach; it asks nobody who they are"
    )
    return f"listening at http://{name}:{port}, {reach}"


def limits_of(command: ServeCommand) -> ServeLimits:
    """The limits that options ask for."""
    return ServeLimits(
        max_requests=command.max_requests,
        max_bytes=command.max_body * _MIB,
        max_pixels=command.max_pixels,
        body_s=command.body_timeout,
        wait_s=command.max_wait,
        drain_s=command.drain,
        refuses_damaged=command.refuse_damaged,
    )


def batch_for(model: RuntimeModel) -> int:
    """Most images of a batch, where none were asked for.

    One thread computes two images as fast as two times one, and eight more slowly, since what is
    between the layers no longer fits its cache.
    """
    is_of_threads = model.device == "cpu" and model.streams >= model.threads
    return _BATCH_OF_ONE_THREAD if is_of_threads else _BATCH


def _detecting(command: ServeCommand) -> Detecting:
    gpus = whole_numbers(command.gpus, "--gpus")
    device = inference_device(
        gpus, f"--gpus {command.gpus}", prefix=command.model_prefix, backend=command.named_backend
    )
    given = read_classes_file(command.classes) if command.classes else None
    model = deployed_model(
        command.model_prefix, command.input_size_hw, device=device, runtime=command
    )
    if not command.streams:
        model = model.with_streams()
    names = class_names(model.classes, given, model.num_classes)
    if not names:
        _log.warning("the model does not carry class names; give them with --classes FILE")
    batch_size = command.batch_size or batch_for(model)
    return Detecting(SharedModel(model), names, batch_size, command.thresh, keeps_pixels=False)
