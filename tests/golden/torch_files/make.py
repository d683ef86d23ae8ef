"""Makes the files of this folder; needs torch (2.14.1 made them).

python tests/golden/torch_files/make.py
"""

from __future__ import annotations

import argparse
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
TYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8")


def small() -> torch.nn.Module:
    """A convolution, and a batch norm one level below."""
    norm = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.ReLU())
    return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), norm)


def weights() -> OrderedDict[str, torch.Tensor]:
    """Every type, views of one storage, no axes, no elements."""
    block = torch.arange(24.0).reshape(2, 3, 4) / 8
    found = OrderedDict(
        [("turned", block.permute(2, 0, 1)), ("second", block[1]), ("every", block[:, ::2, 1])]
    )
    found["count"] = torch.tensor(7)
    found["none"] = torch.zeros(0, 4)
    found["flags"] = torch.tensor([True, False, True])
    for name in TYPES:
        found[f"type.{name}"] = torch.tensor([1, 2, -3]).abs().to(getattr(torch, name))
    found["parameter"] = torch.nn.Parameter(torch.tensor([[0.1, -2.5]]))
    return found


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """What a reader without torch should give."""
    halves = (torch.float16, torch.bfloat16)
    return (tensor.float() if tensor.dtype in halves else tensor).detach().numpy()


def checkpoint() -> dict[str, object]:
    """As NVIDIA and MLPerf save them: weights of a module in a wrapper, and more beside them."""
    torch.manual_seed(0)
    network = torch.nn.DataParallel(small())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [43, 54])
    network(torch.ones(2, 2, 4, 4)).sum().backward()
    optimizer.step()
    schedule.step()
    return {
        "epoch": 3,
        "iteration": 1200,
        "optimizer": optimizer.state_dict(),
        "scheduler": schedule.state_dict(),
        "label_map": {0: "background", 1: "person"},
        "best": np.float64(0.25),
        "args": argparse.Namespace(device=torch.device("cpu"), lr=0.1, kind=torch.float16),
        "model": network.state_dict(),
    }


def main() -> None:
    """Write both forms of each, and what is in them."""
    # The older form would hold the source of torch's classes, and where it lies.
    torch.serialization.get_source_lines_and_file = lambda _: (["class ..."], 1, "module.py")
    torch.manual_seed(0)
    module = small()
    saved = {"weights": weights(), "checkpoint": checkpoint(), "module": module}
    for name, value in saved.items():
        torch.save(value, HERE / f"{name}.pt")
        torch.save(value, HERE / f"{name}_legacy.pt", _use_new_zipfile_serialization=False)
    expected = {
        "weights": saved["weights"],
        "checkpoint": {
            name.removeprefix("module."): tensor
            for name, tensor in saved["checkpoint"]["model"].items()
        },
        "module": module.state_dict(),
    }
    arrays = {f"{k}/{n}": as_array(t) for k, named in expected.items() for n, t in named.items()}
    np.savez(HERE / "expected.npz", **arrays)


if __name__ == "__main__":
    main()
