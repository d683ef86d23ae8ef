"""The few golden numbers that stay in the repository: FOLDER/*.npz -> *.npz beside this file.

python tests/golden/reference/collect.py FOLDER
"""

import re
import sys
from pathlib import Path

import numpy as np

# File -> what its keys match that are kept.
KEPT = {
    "nvidia_ssd300": (
        r"(dboxes|loss|loss_many)\.|encode\.(?!\w+\.(boxes|coded)$)"
        r"|resnet18\.(loc|conf)\.(shape|summary|pick)|resnet18\.detections\."
        r"|decode\.(eval|candidates|most_per_class|probabilities|boxes_all)"
    ),
    "mlperf_retinanet": (
        r"(anchors|match|coder|focal|loss|train256|post_many|post_none|nms)\."
        r"|output256\.(?!\w+\.rows)"
    ),
    "yannqi_ssd300": r"(?!dboxes|seed)",
    "mlperf_ssd_r34": (
        r"s1200\.dboxes|s1200\.encode\.(plain|outside|many)\.(?!boxes$|coded$)|s300\.loss_many\."
        r"|s300\.output\.(loc|conf)\.(shape|summary|pick)|s300\.decode\.(eval\.2|batch_with_empty)\."
        r"|s1200\.decode\.(?!onnx|module\.[13])"
    ),
}

for name, pattern in KEPT.items():
    with np.load(Path(sys.argv[1]) / f"{name}.npz", allow_pickle=False) as whole:
        kept = {key: whole[key] for key in whole.files if re.match(pattern, key)}
    np.savez_compressed(Path(__file__).with_name(f"{name}.npz"), **kept)
