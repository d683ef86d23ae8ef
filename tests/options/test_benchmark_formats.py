"""Options of scripts/benchmark_ssd.py formats."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmark_formats import FORM_WORDS, FormatsBenchmark

NAME = "ssd_512_mobilenet1.0_voc"


def test_networks_are_full_names_or_words_and_models_are_prefixes():
    options = FormatsBenchmark(network=f"{NAME},mobilenet0.25", models="a,b", weights=f"{NAME}=w")
    assert [spec.name for spec in options.specs] == [NAME, "ssd_300_mobilenet0.25_voc"]
    assert options.model_prefixes == ("a", "b") and options.weight_files == {NAME: "w"}
    assert FormatsBenchmark(models="a").specs == ()


def test_forms_are_all_of_them_or_those_asked_for_in_the_order_of_the_table():
    assert FormatsBenchmark(network=NAME).form_words == tuple(FORM_WORDS)
    assert FormatsBenchmark(network=NAME, forms="openvino-int8,mxnet").form_words == (
        "mxnet",
        "openvino-int8",
    )


def test_the_data_set_is_the_one_that_is_named():
    assert FormatsBenchmark(network=NAME).data is None
    options = FormatsBenchmark(
        network=NAME, dataset="coco", dataset_root="d", splits="val", limit_images=3, num_workers=0
    )
    data = options.data
    assert data is not None
    assert (data.dataset, data.dataset_root, data.splits) == ("coco", "d", "val")
    assert (data.limit_images, data.num_workers) == (3, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "^--network needs at least one network, or --models a prefix$"),
        ({"network": "mobilenet9"}, "^the network must be one of .*; got 'mobilenet9'"),
        (
            {"network": "ssd_300_mobilenet1.0_custom"},
            "^--network: ssd_300_mobilenet1.0_custom has no classes of its own",
        ),
        ({"network": NAME, "weights": "w"}, "^--weights wants NAME=FILE"),
        (
            {"models": "m", "weights": f"{NAME}=w"},
            f"^--weights names {NAME}, which is not among --network; these are none$",
        ),
        (
            {"models": "m", "forms": "openvino_int8"},
            "^--forms: there is no form 'openvino_int8'; did you mean openvino-int8[?]; there are",
        ),
        ({"models": "m", "forms": ","}, "^--forms needs at least one of gluoncv, mxnet, "),
    ],
)
def test_wrong_options_are_one_line(options, message):
    with pytest.raises(OptionError, match=message):
        FormatsBenchmark(**options)
