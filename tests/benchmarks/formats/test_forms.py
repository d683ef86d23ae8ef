from __future__ import annotations

from gluon_ssd.benchmarks.formats.forms import FORMS, ORIGINAL, files_of
from gluon_ssd.options.benchmark_formats import FORM_WORDS


def test_there_is_a_form_for_every_word():
    assert list(FORMS) == list(FORM_WORDS) and ORIGINAL == "gluoncv"
    assert {word for word, form in FORMS.items() if form.is_int8} == {
        "mxnet-int8",
        "onnxruntime-int8",
        "onnxruntime-qdq",
        "openvino-int8",
    }
    assert {w for w, f in FORMS.items() if f.dtype != "float32"} == {"mxnet-bf16", "openvino-bf16"}
    assert [w for w, f in FORMS.items() if f.is_mxnet] == list(FORMS)[:4]


def test_files_of_a_form():
    assert files_of("a/m.onnx") == ("a/m.onnx",)
    assert files_of("a/m.xml") == ("a/m.xml", "a/m.bin")
    assert files_of("a/m") == ("a/m-symbol.json", "a/m-0000.params")
