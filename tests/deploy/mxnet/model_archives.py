"""Archives of models as SageMaker writes them, and broken ones."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

HYPERPARAMS = {
    "base_network": "resnet-50",
    "image_shape": "64",
    "num_classes": "3",
    "nms_threshold": "0.45",
    "nms_topk": "400",
    "epochs": "30",
}
NAME = "model_algo_1"


def hyperparams_text(**changes: object) -> bytes:
    """hyperparams.json with other values; None leaves a key out."""
    values = {**HYPERPARAMS, **changes}
    return json.dumps({k: v for k, v in values.items() if v is not None}).encode()


def model_members(prefix: str, name: str = NAME, epoch: int = 0) -> dict[str, bytes]:
    """The files of an exported pair under the names of SageMaker's."""
    return {
        f"{name}-symbol.json": Path(f"{prefix}-symbol.json").read_bytes(),
        f"{name}-{epoch:04}.params": Path(f"{prefix}-0000.params").read_bytes(),
    }


def write_archive(path: Path, members: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    """A tar of members, packed as `mode` says."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def bare_members(prefix: str) -> dict[str, bytes]:
    """As `model_members`, of a symbol that says nothing of its size and classes."""
    members = model_members(prefix)
    symbol = json.loads(members[f"{NAME}-symbol.json"])
    del symbol["attrs"]["gluon_ssd_model"]
    members[f"{NAME}-symbol.json"] = json.dumps(symbol).encode()
    return members
