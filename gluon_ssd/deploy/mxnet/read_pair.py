"""Read a detector from an exported pair, whoever made it."""

from __future__ import annotations

from dataclasses import replace

from gluon_ssd.deploy.mxnet.files import INPUT, Exported, read_exported
from gluon_ssd.deploy.mxnet.multibox.convert import own_detector
from gluon_ssd.deploy.mxnet.passes.drop_preprocessing import drop_preprocessing
from gluon_ssd.deploy.mxnet.passes.modernise_boxes import modernise_boxes
from gluon_ssd.deploy.mxnet.passes.order_outputs import order_outputs
from gluon_ssd.deploy.told import NOTHING, Told
from gluon_ssd.detection.preprocessing import IMAGENET
from gluon_ssd.errors import OptionError


def read_pair(
    path: str, *, told: Told = NOTHING, input_size_hw: tuple[int, int] | None = None
) -> Exported:
    """A detector of an exported pair, whoever made it; see `read_exported`.

    Args:
        path: as of `read_exported`.
        told: what the user says of files that do not say it.
        input_size_hw: height and width of the images, px, that are asked for.

    Raises:
        ModelError, WeightsError: as of `read_exported` and `multibox.convert.own_detector`.
        OptionError: the files carry a record, which says what is told otherwise.
    """
    exported = read_exported(path)
    if exported.multibox is not None:
        return own_detector(exported, told, input_size_hw)
    if exported.record is None and not exported.has_onednn:
        exported = _in_todays_form(exported)
    return heeding(exported, told)


def _in_todays_form(exported: Exported) -> Exported:
    """A pair of GluonCV as one that this project writes, as far as forms of it are known."""
    graph, params = exported.graph, exported.params
    order_outputs(graph)
    drop_preprocessing(graph, params, INPUT, exported.name)
    modernise_boxes(graph)
    used = {name: params[name] for name in graph.variables() if name != INPUT}
    return replace(exported, params=used)


def heeding(exported: Exported, told: Told) -> Exported:
    """The detector, unless a preprocessing is told of one that has another, or a record.

    Raises:
        OptionError: that is so.
    """
    if told.preprocessing is None:
        return exported
    if exported.record is not None:
        why = "says itself how its images are prepared"
    elif told.preprocessing.kind != IMAGENET:
        why = "is an export of GluonCV, whose images are normalised as ImageNet's"
    else:
        return exported
    raise OptionError(
        f"{exported.name} {why}; leave out the preprocessing", settings=("preprocessing",)
    )
