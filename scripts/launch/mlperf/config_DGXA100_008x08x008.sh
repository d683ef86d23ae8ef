# RetinaNet on 8 nodes of 8 GPUs, 8 images on each.
# Source it, then start run_and_time.sh, or run.sub under SLURM.

source "$(dirname -- "${BASH_SOURCE[0]}")/config_DGXA100_common.sh"
export DGXSYSTEM=DGXA100_008x08x008
export DGXNNODES=8
export BATCHSIZE=8
export NUMEPOCHS=8
export EXTRA_PARAMS="--lr 0.0001 --amp --save-prefix /results/"
export WALLTIME=04:00:00
