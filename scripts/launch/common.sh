# Sourced by the launchers beside it: finds the project's Python and shares out the cores.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd) || exit 2
PATH=$root/.venv/bin:$PATH
train=$root/train_ssd.py

stop() {
    echo "$(basename -- "$0"): error: $*" >&2
    exit 2
}

# usage: the comment at the top of the launcher, for --help and mistakes
usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
}

whole_number() {
    case $1 in
        '' | *[!0-9]* | 0) return 1 ;;
    esac
}

need() {
    command -v "$1" >/dev/null || stop "$1 is not there; $2"
}

# share_cores PROCESSES: OpenMP threads of each process on this machine, unless the user has set it.
share_cores() {
    local cores
    cores=$(nproc)
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores > $1 ? cores / $1 : 1))}
}

# start COMMAND [ARGUMENTS...]: become the command; DRY_RUN=1 prints it instead.
start() {
    [ -n "${DRY_RUN:-}" ] || exec "$@"
    printf '%q ' "$@"
    echo
}

# train_on PROCESSES [OPTIONS OF train_ssd.py]: train on this machine.
train_on() {
    local processes=$1
    shift
    if [ "$processes" -eq 1 ]; then
        start python "$train" "$@"
        return
    fi
    [ -n "${DRY_RUN:-}" ] || need horovodrun "install it with: bash scripts/setup.sh --extras horovod"
    share_cores "$processes"
    start horovodrun -np "$processes" --gloo python "$train" --horovod "$@"
}

# published ARGUMENTS...: what a launcher of a published training takes: [--dry-run] [PROJECT] DATA
# [OPTIONS]. PROJECT is this project's folder, as the published launchers want it, and may be left
# out. Sets data and options.
published() {
    [ "${1:-}" != --help ] || { usage; exit 0; }
    [ "${1:-}" != --dry-run ] || { export DRY_RUN=1; shift; }
    [ ! -f "${1:-}/train_ssd.py" ] || shift
    [ $# -gt 0 ] || stop "name the folder of the data set; see --help"
    data=$1
    shift
    options=("$@")
}
