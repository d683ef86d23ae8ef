#!/usr/bin/env bash
# Train by one of the configurations beside this script, and tell how long it took.
#   source scripts/launch/mlperf/config_DGXA100_001x08x032.sh
#   bash scripts/launch/mlperf/run_and_time.sh [--dry-run] [OPTIONS OF train_ssd.py]
# One node trains with horovodrun; several with srun, within a SLURM job (run.sub). What the
# configuration exports becomes options: RECIPE, BATCHSIZE (of each GPU), NUMEPOCHS, LOG_INTERVAL,
# DATASET_DIR, EXTRA_PARAMS. MLPerf's log goes to COMPLIANCE_FILE (mlperf_compliance.log), which
# needs the extra mllog; set it to the empty string for none. With --dry-run, or DRY_RUN=1, the
# command is printed and not run.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"
[ "${1:-}" != --help ] || { usage; exit 0; }
[ "${1:-}" != --dry-run ] || { export DRY_RUN=1; shift; }
[ -n "${RECIPE:-}" ] || stop "source a config_*.sh first; see --help"
nodes=${DGXNNODES:-1}
gpus=${DGXNGPU:-1}
compliance=${COMPLIANCE_FILE-mlperf_compliance.log}
read -ra extra <<<"${EXTRA_PARAMS:-}"
arguments=(
    --recipe "$RECIPE"
    --batch-size-per-device "${BATCHSIZE:-2}"
    --eval-batch-size "${EVALBATCHSIZE:-${BATCHSIZE:-2}}"
    --epochs "${NUMEPOCHS:-30}"
    --log-interval "${LOG_INTERVAL:-20}"
    --dataset-root "${DATASET_DIR:-/datasets/open-images-v6-mlperf}"
)
[ -z "$compliance" ] || arguments+=(--mllog "$compliance")
arguments+=("${extra[@]}" "$@")

run() {
    if [ "$nodes" -eq 1 ]; then
        train_on "$gpus" "${arguments[@]}"
        return
    fi
    [ -n "${DRY_RUN:-}" ] || need srun "several nodes train within a SLURM job; see run.sub"
    share_cores "$gpus"
    start srun --nodes "$nodes" --ntasks-per-node "$gpus" --kill-on-bad-exit=1 \
        --mpi="${SRUN_MPI:-pmix}" python "$train" --horovod "${arguments[@]}"
}

if [ -n "${DRY_RUN:-}" ]; then
    run
    exit 0
fi
began=$(date +%s)
began_text=$(date '+%Y-%m-%d %r')
echo "STARTING TIMING RUN AT $began_text"
code=0
(run) || code=$?
ended=$(date +%s)
echo "ENDING TIMING RUN AT $(date '+%Y-%m-%d %r')"
[ "$code" -eq 0 ] || exit "$code"
echo "RESULT,SINGLE_STAGE_DETECTOR,,$((ended - began)),nvidia,$began_text"
