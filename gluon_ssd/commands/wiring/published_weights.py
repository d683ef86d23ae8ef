"""Published weights: fetched with a progress bar, kept where ``--model-root`` says."""

from __future__ import annotations

from pathlib import Path

from gluon_ssd.families.build import FAMILIES
from gluon_ssd.models.download import fetch_weights
from gluon_ssd.models.spec import Spec
from gluon_ssd.options.shared import ModelOptions
from gluon_ssd.system.progress import progress_bar


def zoo_weights(spec: Spec, options: ModelOptions, *, base: bool = False) -> str:
    """Path of a published parameter file; fetched, checked by hash and kept if not there yet.

    It is of the detector, or, if `base`, of the ImageNet classifier that its backbone is of.

    Raises:
        WeightsError: not published, or the host cannot be reached; says which file to put where.
    """
    name = spec.base_weights_name if base else spec.weights_name or spec.name
    store = FAMILIES[spec.family].store
    folder = Path(options.model_root).expanduser()
    label = f"fetching {name}"
    with progress_bar(total=None, unit="B", description=label, quiet_s=1) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = fetch_weights(
            name,
            store,
            folder=folder,
            mirror=options.mirror or None,
            progress=show,
            settings=("pretrained_base" if base else "pretrained",),
        )
    return str(path)
