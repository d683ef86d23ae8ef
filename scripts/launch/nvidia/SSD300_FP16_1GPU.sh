#!/usr/bin/env bash
# Train NVIDIA's SSD300 v1.1 in mixed precision on 1 GPU, 64 images on each.
#   bash scripts/launch/nvidia/SSD300_FP16_1GPU.sh [--dry-run] DATA [OPTIONS OF train_ssd.py]
# DATA is the folder of COCO 2017. With --dry-run, or DRY_RUN=1, the command is printed and not run.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"
published "$@"
train_on 1 --recipe nvidia_ssd300 --gpus 0 --batch-size-per-device 64 --warmup-iters 300 --amp \
    --dataset-root "$data" "${options[@]}"
