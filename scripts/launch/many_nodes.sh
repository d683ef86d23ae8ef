#!/usr/bin/env bash
# Train on several machines that this one reaches by ssh without a password.
#   bash scripts/launch/many_nodes.sh HOST:SLOTS[,HOST:SLOTS...] [OPTIONS OF train_ssd.py]
#   bash scripts/launch/many_nodes.sh node1:8,node2:8 --dataset coco --batch-size 256
# SLOTS is the number of processes there, usually of its GPUs. The project with its .venv and the
# data lie under the same paths everywhere. HOROVOD_INTERFACE=eth1 chooses the network, SSH_PORT the
# port. Checkpoints and logs are written on the first host.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
[ "${1:-}" != --help ] || { usage; exit 0; }
hosts=${1:-}
[[ $hosts =~ ^[^:,[:space:]]+:[1-9][0-9]*(,[^:,[:space:]]+:[1-9][0-9]*)*$ ]] ||
    stop "the first argument names hosts as HOST:SLOTS,HOST:SLOTS; got '$hosts'; see --help"
shift
processes=0
most=0
IFS=, read -ra entries <<<"$hosts"
for entry in "${entries[@]}"; do
    slots=${entry##*:}
    processes=$((processes + slots))
    most=$((slots > most ? slots : most))
done
need horovodrun "install it with: bash scripts/setup.sh --extras horovod"
share_cores "$most"
options=(-np "$processes" -H "$hosts" --gloo)
[ -z "${HOROVOD_INTERFACE:-}" ] || options+=(--network-interfaces "$HOROVOD_INTERFACE")
[ -z "${SSH_PORT:-}" ] || options+=(-p "$SSH_PORT")
exec horovodrun "${options[@]}" "$root/.venv/bin/python" "$train" --horovod "$@"
