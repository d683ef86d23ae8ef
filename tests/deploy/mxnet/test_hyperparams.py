"""hyperparams.json: what counts of it, what is refused, and that the symbol comes first."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gluon_ssd.deploy.mxnet.graph import VARIABLE, Graph, Node
from gluon_ssd.deploy.mxnet.hyperparams import (
    DETECTION,
    Hyperparams,
    heed_hyperparams,
    note_classes,
    read_hyperparams,
)
from gluon_ssd.errors import ModelError
from tests.deploy.mxnet.model_archives import hyperparams_text


def read(folder: Path, text: bytes) -> Hyperparams:
    """What is read of a file with that content."""
    path = folder / "hyperparams.json"
    path.write_bytes(text)
    return read_hyperparams(path)


def test_what_counts_is_read(tmp_path: Path):
    found = read(tmp_path, hyperparams_text())
    source = str(tmp_path / "hyperparams.json")
    assert found == Hyperparams(source, "resnet-50", (64, 64), 3, 0.45, 400)


@pytest.mark.parametrize("side", [64, 64.0])
def test_numbers_need_no_quotes(side, tmp_path: Path):
    text = hyperparams_text(
        image_shape=side, num_classes=3, nms_threshold=0.45, nms_topk=400, learning_rate=1e-3
    )
    assert read(tmp_path, text) == read(tmp_path, hyperparams_text())


def test_what_is_missing_stays_open(tmp_path: Path):
    found = read(tmp_path, b'{"epochs": "30", "nms_threshold": "1"}')
    assert found == Hyperparams(found.source, nms_threshold=1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff\xfe\xfd", "hyperparams.json"),
        (b"[]", "must hold one JSON object; got"),
        (b'{"epochs": null}', "'epochs' must be a text or a number.* got None"),
        (b'{"epochs": true}', "'epochs' must be a text or a number.* got True"),
        (hyperparams_text(image_shape=[300]), "'image_shape' must be a text or a number"),
        (hyperparams_text(image_shape=300.5), "image_shape must be an integer from 8 to 8192"),
        (hyperparams_text(image_shape=1e300), "image_shape must be an integer from 8 to 8192"),
        (hyperparams_text(image_shape=-300), "image_shape must be an integer from 8 to 8192"),
        (hyperparams_text(nms_threshold=float("nan")), "nms_threshold must be a number from 0"),
        (
            hyperparams_text(image_shape=""),
            r"image_shape must be an integer from 8 to 8192; got ''",
        ),
        (hyperparams_text(image_shape="-300"), "image_shape must be an integer"),
        (hyperparams_text(image_shape="0"), "image_shape must be an integer"),
        (hyperparams_text(image_shape="1e3"), "image_shape must be an integer"),
        (hyperparams_text(image_shape="300,300"), "image_shape must be an integer"),
        (hyperparams_text(image_shape="9" * 5000), "image_shape must be an integer"),
        (hyperparams_text(image_shape="١٢٣"), "image_shape must be an integer"),
        (hyperparams_text(num_classes="0"), "num_classes must be an integer from 1 to"),
        (hyperparams_text(nms_threshold="nan"), "nms_threshold must be a number from 0 to 1"),
        (hyperparams_text(nms_threshold="45%"), "nms_threshold must be a number from 0 to 1"),
        (hyperparams_text(nms_topk="4e2"), "nms_topk must be an integer"),
        (hyperparams_text(base_network="a\nb"), "base_network must be the name"),
    ],
)
def test_anything_else_is_one_line(text: bytes, expected: str, tmp_path: Path):
    with pytest.raises(ModelError, match=expected) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_folder_of_that_name_is_one_line(tmp_path: Path):
    (tmp_path / "hyperparams.json").mkdir()
    with pytest.raises(ModelError, match="cannot read"):
        read_hyperparams(tmp_path / "hyperparams.json")


def detection(**attrs: str) -> tuple[Graph, Node]:
    """A graph that ends with the operator."""
    node = Node(DETECTION, "detection", attrs, [(Node(VARIABLE, "data"), 0)])
    return Graph([(node, 0)]), node


FOUND = Hyperparams("h.json", "vgg-16", (300, 300), 3, 0.45, 400)


def test_the_symbol_counts_where_they_differ(caplog):
    graph, node = detection(nms_threshold="0.5", nms_topk="-1")
    heed_hyperparams(graph, FOUND)
    assert node.attrs == {"nms_threshold": "0.5", "nms_topk": "-1"}
    assert [record.getMessage() for record in caplog.records] == [
        "h.json says nms_threshold 0.45 and the symbol 0.5: the symbol is what was trained, and "
        "counts",
        "h.json says nms_topk 400 and the symbol -1: the symbol is what was trained, and counts",
    ]


def test_the_file_fills_what_the_symbol_leaves_open(caplog):
    graph, node = detection(nms_topk="400")
    with caplog.at_level(logging.INFO):
        heed_hyperparams(graph, FOUND)
    assert node.attrs == {"nms_topk": "400", "nms_threshold": "0.45"}
    assert [record.getMessage() for record in caplog.records] == [
        "the symbol leaves nms_threshold open: h.json has 0.45"
    ]


def test_nothing_is_said_where_they_agree(caplog):
    graph, node = detection(nms_threshold="0.449999988", nms_topk="400")
    heed_hyperparams(graph, FOUND)
    heed_hyperparams(Graph([(Node("relu", "r", {}, []), 0)]), FOUND)
    heed_hyperparams(graph, Hyperparams("h.json"))
    assert node.attrs["nms_threshold"] == "0.449999988" and not caplog.records


@pytest.mark.parametrize(
    ("counted", "stated", "expected", "lines"),
    [(None, 3, 3, 0), (3, 3, 3, 0), (2, 3, 2, 1), (2, None, 2, 0), (None, None, None, 0)],
)
def test_classes_are_counted_first(counted, stated, expected, lines, caplog):
    assert note_classes(Hyperparams("h.json", num_classes=stated), counted) == expected
    assert len(caplog.records) == lines
