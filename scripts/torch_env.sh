#!/usr/bin/env bash
# Makes an environment of its own with PyTorch, which this project compares itself with and does not
# need. Prints the path of its Python at the end; run it again at any time, it does what is missing.
#   bash scripts/torch_env.sh                    in .torch-env beside this folder
#   bash scripts/torch_env.sh DIR                in DIR
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu bash scripts/torch_env.sh
#                                                builds without CUDA from there: 1 GB instead of 6 GB
#   PYTHON=/path/to/python3.11 bash scripts/torch_env.sh    with this Python (3.11 or newer)
set -euo pipefail

TORCH=2.14.1 # with these the golden numbers of the published detectors were computed
TORCHVISION=0.29.1

say() { echo "torch_env.sh: $*" >&2; }
stop() {
    say "error: $*"
    exit 2
}

case ${1:-} in
    -h | --help)
        sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*) stop "unknown argument '$1'; allowed are a folder and --help" ;;
esac
[ $# -le 1 ] || stop "give one folder, got $#: $*"
target=${1:-$(dirname -- "${BASH_SOURCE[0]}")/../.torch-env}

is_complete() {
    "$target/bin/python" - "$TORCH" "$TORCHVISION" 2>/dev/null <<'CHECK'
import importlib.metadata as metadata
import sys

versions = [metadata.version(name).split("+")[0] for name in ("torch", "torchvision")]
import torch, torchvision, numpy, PIL  # noqa: E401

sys.exit(versions != sys.argv[1:])
CHECK
}

if [ -d "$target" ] && [ ! -e "$target/pyvenv.cfg" ] && [ -n "$(ls -A "$target")" ]; then
    stop "$target exists and is no Python environment; name another folder"
fi
if ! is_complete; then
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        stop "$python does not run or is older than 3.11; set PYTHON to the path of a newer one"
    say "making $target with $("$python" --version)"
    "$python" -m venv "$target" || stop "$python could not make $target; see its message above"
    # Packages of an index apart from the usual one may need what only the usual one has.
    index=()
    [ -z "${TORCH_INDEX:-}" ] || index=(--extra-index-url "$TORCH_INDEX")
    local_version=""
    [[ ${TORCH_INDEX:-} != */cpu ]] || local_version="+cpu"
    "$target/bin/python" -m pip install --quiet --progress-bar off "${index[@]}" \
        "torch==$TORCH$local_version" "torchvision==$TORCHVISION$local_version" numpy pillow >&2 ||
        stop "pip could not install torch $TORCH; see its message above"
    is_complete || stop "torch $TORCH was installed in $target and does not load; try: $target/bin/python -c 'import torch'"
fi
say "torch $TORCH and torchvision $TORCHVISION are ready"
echo "$(cd -- "$target" && pwd)/bin/python"
