#!/usr/bin/env bash
# Train as a SLURM job: one task per GPU. Change the numbers by options of sbatch.
#   sbatch --nodes 2 --ntasks-per-node 8 --gpus-per-node 8 scripts/launch/slurm.sh [OPTIONS OF train_ssd.py]
#   sbatch --ntasks 2 scripts/launch/slurm.sh --dataset coco --batch-size 64 --gpus ""
# Horovod has to be built with MPI, in the flavour that `srun --mpi=list` shows (SRUN_MPI, pmix).
# Five minutes before the time limit all tasks are told to stop: a checkpoint is written, and the same
# command with --resume goes on.
#SBATCH --job-name=ssd
#SBATCH --output=ssd_%j.log
#SBATCH --signal=TERM@300
set -euo pipefail

# A job runs a copy of this file; the folder that sbatch was called in is the project's.
cd -- "${SLURM_SUBMIT_DIR:-.}"
[ -f scripts/launch/common.sh ] || { echo "slurm.sh: error: call sbatch in the project's folder" >&2; exit 2; }
source scripts/launch/common.sh
[ "${1:-}" != --help ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0; }
need srun "this script runs inside a SLURM job; see its first lines"
share_cores "${SLURM_NTASKS_PER_NODE:-${SLURM_NTASKS:-1}}"
# One task that ends with an error ends the job.
exec srun --kill-on-bad-exit=1 --mpi="${SRUN_MPI:-pmix}" python "$train" --horovod "$@"
