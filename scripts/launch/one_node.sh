#!/usr/bin/env bash
# Train in several processes on this machine: one GPU each, or a share of the cores without GPUs.
#   bash scripts/launch/one_node.sh PROCESSES [OPTIONS OF train_ssd.py]
#   bash scripts/launch/one_node.sh 4 --network resnet50_v1 --data-shape 512 --batch-size 64
# --batch-size is for all processes together and has to divide by their number.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
[ "${1:-}" != --help ] || { usage; exit 0; }
whole_number "${1:-}" || stop "the first argument is the number of processes; see --help"
processes=$1
shift
train_on "$processes" "$@"
