"""What the probe of MXNet finds in two builds."""

from __future__ import annotations

CPU_BUILD = {"version": "1.9.1", "features": ["MKLDNN"], "gpus": [], "convolution": 36.0}
CUDA_BUILD = {**CPU_BUILD, "features": ["CUDA", "MKLDNN"]}
