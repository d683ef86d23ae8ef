#!/usr/bin/env bash
# Train NVIDIA's SSD300 v1.1 in float32 on 1 GPU, 32 images on each.
#   bash scripts/launch/nvidia/SSD300_FP32_1GPU.sh [--dry-run] DATA [OPTIONS OF train_ssd.py]
# DATA is the folder of COCO 2017. With --dry-run, or DRY_RUN=1, the command is printed and not run.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"
published "$@"
train_on 1 --recipe nvidia_ssd300 --gpus 0 --batch-size-per-device 32 --warmup-iters 300 \
    --dataset-root "$data" "${options[@]}"
