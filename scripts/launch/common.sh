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
