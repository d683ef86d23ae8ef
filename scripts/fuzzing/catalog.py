"""Every kind of input by its name. Nothing of the product is imported here."""

from __future__ import annotations

import importlib

from scripts.fuzzing.case import Kind
from scripts.fuzzing.kinds.archive import ArchiveKind
from scripts.fuzzing.kinds.checkpoint import CheckpointKind
from scripts.fuzzing.kinds.coco import CocoKind
from scripts.fuzzing.kinds.film import FilmKind
from scripts.fuzzing.kinds.ground_truth import ManifestKind, SagemakerKind
from scripts.fuzzing.kinds.hyperparams import HyperparamsKind
from scripts.fuzzing.kinds.journal import JournalKind
from scripts.fuzzing.kinds.listings import ListKind
from scripts.fuzzing.kinds.model_archive import ModelArchiveKind
from scripts.fuzzing.kinds.onnx_file import OnnxKind
from scripts.fuzzing.kinds.openvino_file import OpenvinoKind
from scripts.fuzzing.kinds.options_file import OptionsKind
from scripts.fuzzing.kinds.own_folders import CsvKind, XmlFolderKind, YoloKind
from scripts.fuzzing.kinds.params import ParamsKind
from scripts.fuzzing.kinds.picture_file import PictureKind
from scripts.fuzzing.kinds.record import RecordKind
from scripts.fuzzing.kinds.recordio import LstKind, RecordioKind
from scripts.fuzzing.kinds.run_record import RunRecordKind
from scripts.fuzzing.kinds.saved_detections import SavedDetectionsKind
from scripts.fuzzing.kinds.symbol import SymbolKind
from scripts.fuzzing.kinds.tables import TableKind
from scripts.fuzzing.kinds.torch_weights import TorchKind
from scripts.fuzzing.kinds.tuning_history import HistoryKind
from scripts.fuzzing.kinds.voc import VocKind

KINDS: dict[str, type[Kind]] = {
    kind.name: kind
    for kind in (
        CocoKind,
        VocKind,
        YoloKind,
        XmlFolderKind,
        CsvKind,
        ListKind,
        RecordioKind,
        LstKind,
        ManifestKind,
        SagemakerKind,
        OptionsKind,
        JournalKind,
        RunRecordKind,
        HistoryKind,
        PictureKind,
        RecordKind,
        ArchiveKind,
        ModelArchiveKind,
        HyperparamsKind,
        ParamsKind,
        CheckpointKind,
        TorchKind,
        TableKind,
        SavedDetectionsKind,
        FilmKind,
        SymbolKind,
        OnnxKind,
        OpenvinoKind,
    )
}


def find_kind(name: str) -> Kind:
    """A kind by its name in `KINDS`, or as MODULE:CLASS."""
    if name in KINDS:
        return KINDS[name]()
    module, _, of_class = name.partition(":")
    kind: Kind = getattr(importlib.import_module(module), of_class)()
    return kind
