# RetinaNet on 32 nodes of 8 GPUs, 32 images on each.
# Source it, then start run_and_time.sh, or run.sub under SLURM.

source "$(dirname -- "${BASH_SOURCE[0]}")/config_DGXA100_common.sh"
export DGXSYSTEM=DGXA100_032x08x032
export DGXNNODES=32
export BATCHSIZE=32
export NUMEPOCHS=35
export EXTRA_PARAMS="--lr 0.0001 --amp --save-prefix /results/"
export WALLTIME=04:00:00
