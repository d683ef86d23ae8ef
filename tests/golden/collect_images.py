"""What golden files say of images before the network: FOLDER/*.npz -> images.npz beside this file.

python tests/golden/collect_images.py FOLDER
"""

import re
import sys
from pathlib import Path

import numpy as np

kept = {}
for name in ("nvidia_ssd300", "mlperf_ssd_r34", "mlperf_retinanet"):
    with np.load(Path(sys.argv[1]) / f"{name}.npz", allow_pickle=False) as whole:
        kept |= {
            f"{name}.{key}": whole[key]
            for key in whole.files
            if re.search(r"\b(preprocess\w*|transform)\.", key)
        }
np.savez_compressed(Path(__file__).with_name("images.npz"), **kept)
