"""Published weights: fetched with a progress bar, kept where ``--model-root`` says."""

from __future__ import annotations

from pathlib import Path

from gluon_ssd.models.download import fetch_zoo_file
from gluon_ssd.options.shared import ModelOptions
from gluon_ssd.system.progress import progress_bar


def zoo_weights(name: str, options: ModelOptions) -> str:
    """Path of a published parameter file; fetched, checked by hash and kept if not there yet.

    The name is of a detector, "ssd_512_mobilenet1.0_voc", or of a backbone, "mobilenet1.0".

    Raises:
        WeightsError: not published, or the host cannot be reached; says which file to put where.
    """
    folder = Path(options.model_root).expanduser()
    label = f"fetching {name}"
    with progress_bar(total=None, unit="B", description=label, quiet_s=1) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = fetch_zoo_file(name, folder=folder, mirror=options.mirror or None, progress=show)
    return str(path)
