# RetinaNet on 1 node of 8 GPUs, 32 images on each.
# Source it, then start run_and_time.sh, or run.sub under SLURM.

source "$(dirname -- "${BASH_SOURCE[0]}")/config_DGXA100_common.sh"
export DGXSYSTEM=DGXA100_001x08x032
export DGXNNODES=1
export BATCHSIZE=32
export NUMEPOCHS=8
export EXTRA_PARAMS="--lr 0.0001 --amp --save-prefix /results/"
export WALLTIME=08:00:00
