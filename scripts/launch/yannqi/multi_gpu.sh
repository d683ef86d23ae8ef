#!/usr/bin/env bash
# Train yannqi's SSD300 on 2 GPUs, 64 images on each.
#   bash scripts/launch/yannqi/multi_gpu.sh [--dry-run] DATA [OPTIONS OF train_ssd.py]
# DATA is the folder of COCO 2017. With --dry-run, or DRY_RUN=1, the command is printed and not run.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"
published "$@"
train_on 2 --recipe yannqi_ssd300 \
    --dataset-root "$data" "${options[@]}"
