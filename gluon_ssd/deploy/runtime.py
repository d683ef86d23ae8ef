"""The table of runtimes, and how the files of a detector find theirs.

A runtime lives in a folder beside this file: a class of `runtime_model.RuntimeModel` and a function
that loads one; an entry of `RUNTIMES` makes it known. No framework is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gluon_ssd.deploy.runtime_model import RuntimeModel


@dataclass(frozen=True)
class Runtime:
    """One way to run detectors.

    Attributes:
        recognises: whether the files of a prefix are for this runtime.
        load: reads them; arguments and errors as of `load_detector`, but for the backend.
    """

    recognises: Callable[[str], bool]
    load: Callable[..., RuntimeModel]


def _load_with_mxnet(
    prefix: str, *, input_size_hw: tuple[int, int] | None, device: str, fuse: bool
) -> RuntimeModel:
    from gluon_ssd.deploy.mxnet.model import load_deployed

    return load_deployed(prefix, input_size_hw=input_size_hw, device=device, fuse=fuse)


RUNTIMES: dict[str, Runtime] = {
    # Takes all files that no runtime below wants, and says what is wrong with them.
    "mxnet": Runtime(recognises=lambda prefix: True, load=_load_with_mxnet),
}
"""Every runtime by name. The last one whose files a prefix names is used."""


def load_detector(
    prefix: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    backend: str = "",
) -> RuntimeModel:
    """Load a detector from files.

    Args:
        prefix: what the names of its files start with.
        input_size_hw: height and width of the images, px, for files that do not carry them.
        device: "cpu", or "gpu:" and a number.
        fuse: prepare the model for speed, which may change the last bits.
        backend: name of the runtime; without it the files decide.

    Raises:
        ModelError, WeightsError: one line about the file that cannot be used.
    """
    wanting = (name for name, each in RUNTIMES.items() if each.recognises(prefix))
    name = backend or list(wanting)[-1]
    return RUNTIMES[name].load(prefix, input_size_hw=input_size_hw, device=device, fuse=fuse)
