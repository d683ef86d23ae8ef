#!/usr/bin/env bash
# Train under Open MPI; needs a Horovod that was built where mpicxx and mpirun are installed.
#   bash scripts/launch/mpirun.sh PROCESSES [OPTIONS OF train_ssd.py]
#   HOSTS=node1:8,node2:8 bash scripts/launch/mpirun.sh 16 --dataset coco --batch-size 256
# More arguments of mpirun go into MPIRUN_FLAGS.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
[ "${1:-}" != --help ] || { usage; exit 0; }
whole_number "${1:-}" || stop "the first argument is the number of processes; see --help"
processes=$1
shift
need mpirun "install it (Debian, Ubuntu: apt-get install libopenmpi-dev openmpi-bin) and build Horovod anew: bash scripts/setup.sh --extras horovod"
machines=1
flags=(-np "$processes" --bind-to none --map-by slot -x PATH -x OMP_NUM_THREADS)
if [ -n "${HOSTS:-}" ]; then
    flags+=(-H "$HOSTS")
    machines=$(($(tr -cd , <<<"$HOSTS" | wc -c) + 1))
else
    flags+=(--oversubscribe)
fi
share_cores $(((processes + machines - 1) / machines))
[ "$(id -u)" != 0 ] || flags+=(--allow-run-as-root)
# shellcheck disable=SC2086  # several words are meant
exec mpirun "${flags[@]}" ${MPIRUN_FLAGS:-} python "$train" --horovod "$@"
