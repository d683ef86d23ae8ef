"""The forms of a detector that are compared: which runtime, which numbers, which file."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.options.benchmark_formats import FORM_WORDS

ORIGINAL = next(iter(FORM_WORDS))
"""The network object of GluonCV."""


@dataclass(frozen=True)
class Form:
    """One form.

    Attributes:
        word: key of `options.benchmark_formats.FORM_WORDS`.
        ending: what follows the name of the model in the name of its file; of an exported pair
            what follows it in the prefix.
        dtype: what the network is asked to compute in, of `RuntimeModel.in_precision`.
    """

    word: str
    ending: str
    dtype: str = "float32"

    @property
    def title(self) -> str:
        """What tables call it."""
        return FORM_WORDS[self.word]

    @property
    def is_int8(self) -> bool:
        """Whether it computes with 8-bit integers."""
        return self.word.endswith(("-int8", "-qdq"))

    @property
    def is_mxnet(self) -> bool:
        """Whether MXNet runs it, which takes one batch after the other."""
        return self.word.startswith(("gluoncv", "mxnet"))


FORMS = {
    form.word: form
    for form in (
        Form(ORIGINAL, ""),
        Form("mxnet", ""),
        Form("mxnet-bf16", "", "bfloat16"),
        Form("mxnet-int8", "-int8"),
        Form("onnxruntime", ".onnx"),
        Form("onnxruntime-int8", "-int8.onnx"),
        Form("onnxruntime-qdq", "-qdq.onnx"),
        Form("openvino", ".xml"),
        Form("openvino-bf16", ".xml", "bfloat16"),
        Form("openvino-int8", "-int8.xml"),
    )
}
"""Every form, in the order of tables."""


def files_of(path: str) -> tuple[str, ...]:
    """The files of a form: one ONNX file, the two of OpenVINO, or the pair of an MXNet prefix."""
    if path.endswith(".onnx"):
        return (path,)
    if path.endswith(".xml"):
        return path, path.removesuffix(".xml") + ".bin"
    return f"{path}-symbol.json", f"{path}-0000.params"
