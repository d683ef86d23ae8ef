#!/usr/bin/env bash
# Makes .venv beside this folder and installs what requirements/*.lock lists. Run it again at any
# time: it does only what is missing.
#   bash scripts/setup.sh                       what training and evaluation need
#   bash scripts/setup.sh --dev                 and the test tools
#   bash scripts/setup.sh --extras dali,tune    and optional parts: dali horovod tune mllog onnx openvino
#                                               loadgen ray supervision serve
#   bash scripts/setup.sh --gpu                 MXNet's CUDA build with CUDA's libraries, in place of
#                                               the CPU build; a GPU need not be at hand (docs/gpu.md)
#   PYTHON=/path/to/python3.12 bash scripts/setup.sh    with this Python (3.11 or 3.12)
# Horovod is compiled (2 to 4 minutes; needs cmake, g++, make); its wheel is kept in
# GLUON_SSD_CACHE (~/.cache/gluon-ssd) for the next time.
set -euo pipefail

EXTRAS="dali horovod tune mllog onnx openvino loadgen ray supervision serve tensorboard"
NEEDED_MB=1500 # .venv takes 0.7 GB, DALI 0.6 GB; the rest is room for downloads and their unpacking
GPU_NEEDED_MB=9000 # 4.1 GB installed, and 2.3 GB downloaded, which pip keeps once more in its cache

say() { echo "setup.sh: $*"; }
stop() {
    echo "setup.sh: error: $*" >&2
    exit 2
}

gpu=""
parts=(base)
while [ $# -gt 0 ]; do
    case $1 in
        --dev) parts+=(dev) ;;
        --gpu) gpu=asked ;;
        --extras | --extras=*)
            if [ "$1" = --extras ]; then
                [ $# -gt 1 ] || stop "--extras needs a list, such as --extras dali,onnx; there are: $EXTRAS"
                shift
            fi
            IFS=, read -ra names <<<"${1#--extras=}"
            for name in "${names[@]}"; do
                case " $EXTRAS " in
                    *" $name "*) parts+=("$name") ;;
                    *) stop "unknown extra '$name'; there are: $EXTRAS" ;;
                esac
            done
            ;;
        -h | --help)
            sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) stop "unknown argument '$1'; allowed are --dev, --gpu, --extras a,b and --help" ;;
    esac
    shift
done

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
venv=$PWD/.venv
stamp=$venv/.setup-stamp

[ "$(uname -sm)" = "Linux x86_64" ] ||
    stop "MXNet 1.9.1 is published for Linux on x86-64 alone, this is $(uname -sm); use such a machine or a container on one"

# Two set-ups at once would trip over each other; the second waits.
if command -v flock >/dev/null; then
    exec 9<requirements/base.lock
    flock 9
fi

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
is_supported() { [ "$1" = 3.11 ] || [ "$1" = 3.12 ]; }
can_make_venv() { command -v uv >/dev/null || "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# Prints the Python to build .venv with.
find_python() {
    local candidate version without_venv=""
    if [ -n "${PYTHON:-}" ]; then
        version=$(version_of "$PYTHON") || stop "PYTHON=$PYTHON does not run; give the path of a Python 3.11 or 3.12"
        is_supported "$version" || stop "PYTHON=$PYTHON is Python $version; give the path of a Python 3.11 or 3.12"
        set -- "$PYTHON"
    else
        set -- python3.11 python3.12 python3 python \
            "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[12].*/bin/python \
            "${HOME:-}"/.local/bin/python3.1[12] \
            "${XDG_DATA_HOME:-${HOME:-}/.local/share}"/uv/python/cpython-3.1[12].*/bin/python \
            /usr/local/bin/python3.1[12] /usr/bin/python3.1[12]
    fi
    for candidate in "$@"; do
        version=$(version_of "$candidate") || continue
        is_supported "$version" || continue
        if can_make_venv "$candidate"; then
            command -v "$candidate"
            return
        fi
        without_venv=$version
    done
    if [ -n "$without_venv" ]; then
        stop "Python $without_venv has no venv module; install it (Debian, Ubuntu: apt-get install python$without_venv-venv) or install uv"
    fi
    stop "found no Python 3.11 or 3.12; install one (Debian, Ubuntu: apt-get install python3.11 python3.11-venv; with uv: uv python install 3.11) or set PYTHON to its path"
}

# An earlier .venv is used as it is, if its Python runs.
make_venv() {
    local python version
    if version=$(version_of "$venv/bin/python"); then
        is_supported "$version" ||
            stop "$venv holds Python $version, 3.11 or 3.12 is needed; remove that folder and run again"
        return
    fi
    if [ ! -e "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv" 2>/dev/null)" ]; then
        stop "$venv exists and is no Python environment; move it away and run again"
    fi
    python=$(find_python)
    say "making .venv with Python $(version_of "$python") ($python)"
    if command -v uv >/dev/null; then
        uv venv --quiet --clear --python "$python" "$venv" || stop "uv could not make $venv; see its message above"
    else
        "$python" -m venv --clear "$venv" || stop "$python could not make $venv; see its message above"
    fi
}

# check_disk PART
check_disk() {
    local free_mb needed_mb=$NEEDED_MB
    [ "$1" != gpu ] || needed_mb=$GPU_NEEDED_MB
    free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
    [ "$free_mb" -ge "$needed_mb" ] ||
        stop "$PWD has $free_mb MB free and the installation needs $needed_mb MB; free some space or move the project"
}

# pip_install PYTHON ARGUMENTS...: exactly what is listed, nothing it would pull in.
pip_install() {
    local python=$1
    shift
    if command -v uv >/dev/null; then
        uv pip install --quiet --python "$python" --no-deps "${@/--force-reinstall/--reinstall}"
        return
    fi
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null
    # A user's pip settings may ask for --user, which a virtual environment refuses.
    PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet --no-deps "$@"
}

pip_uninstall() {
    if command -v uv >/dev/null; then
        uv pip uninstall --quiet --python "$venv/bin/python" "$1"
    else
        PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip uninstall --quiet --yes "$1"
    fi
}

# install_lock PART [reinstall]: the files of a lock, checked by hash.
install_lock() {
    local lock=requirements/$1.lock again=()
    [ -z "${2:-}" ] || again=(--force-reinstall)
    case $1 in
        horovod) install_horovod "$lock" "${again[@]}" ;;
        gpu) install_gpu "$lock" "${again[@]}" ;;
        base) install_base "$lock" "${again[@]}" ;;
        *) pip_install "$venv/bin/python" --require-hashes "${again[@]}" -r "$lock" ;;
    esac
}

# The lines of one package of a lock, and those of all others.
entry() { awk -v name="$1" '/^[a-z]/ { mine = index($0, name "==") == 1 } mine' "$2"; }
all_but() { awk -v name="$1" '/^[a-z]/ { mine = index($0, name "==") == 1 } !mine' "$2"; }

# install_entries COMMAND PACKAGE LOCK PIP'S ARGUMENTS: what entry or all_but takes out of a lock.
install_entries() {
    local chosen result=0
    chosen=$(mktemp)
    "$1" "$2" "$3" >"$chosen"
    pip_install "$venv/bin/python" --require-hashes "${@:4}" -r "$chosen" || result=$?
    rm -f "$chosen"
    return $result
}

# MXNet's two builds lie in the same folder, so an environment has one of them.
install_base() {
    local lock=$1
    shift
    if [ -n "$gpu" ]; then
        install_entries all_but mxnet "$lock" "$@"
    else
        pip_install "$venv/bin/python" --require-hashes "$@" -r "$lock"
    fi
}

# has_package NAME: whether .venv holds it.
has_package() { compgen -G "$venv/lib/python3.*/site-packages/$1-[0-9]*.dist-info" >/dev/null; }

# The libraries come first: until they are in, an environment with the CPU build stays as it is.
install_gpu() {
    local lock=$1
    shift
    install_entries all_but mxnet-cu112 "$lock" "$@" || return
    if has_package mxnet; then
        say "gpu: the CUDA build of MXNet takes the place of the CPU build"
        pip_uninstall mxnet || return
    fi
    if has_package horovod; then
        say "gpu: horovod was compiled for the CPU build and goes; --gpu --extras horovod compiles it anew"
        pip_uninstall horovod || return
    fi
    install_entries entry mxnet-cu112 "$lock" "$@"
}

# The folder of Horovod's wheel: one for everything that the compiled files depend on.
horovod_folder() {
    local key
    key=$({
        version_of "$venv/bin/python"
        has_mpi && echo mpi
        [ -z "$gpu" ] || cat requirements/gpu.lock
        entry horovod requirements/horovod.lock
        entry mxnet requirements/base.lock
        entry numpy requirements/base.lock
        cat requirements/horovod-build.lock
    } | sha256sum | cut -c1-16)
    echo "${GLUON_SSD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/gluon-ssd}/horovod-$key"
}
has_mpi() { command -v mpicxx >/dev/null && command -v mpirun >/dev/null; }
has_horovod_wheel() { ls "$(horovod_folder)"/horovod-*.whl >/dev/null 2>&1; }

# Says what compiling Horovod lacks, before anything is downloaded.
check_compiler() {
    local missing=() include
    for tool in cmake g++ make; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    include=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -e "$include/Python.h" ] || missing+=("python$(version_of "$venv/bin/python")-dev")
    [ ${#missing[@]} -eq 0 ] ||
        stop "extra horovod is compiled and needs ${missing[*]}; install (Debian, Ubuntu: apt-get install ${missing[*]}) and run again"
    if [ -n "$gpu" ]; then
        command -v "$(compiler_of_cuda)" >/dev/null ||
            stop "extra horovod with --gpu needs NVIDIA's compiler nvcc of CUDA 11, which no wheel holds; install a CUDA 11 toolkit (Debian 12 with non-free: apt-get install nvidia-cuda-toolkit) and put it on PATH, or set HOROVOD_CUDA_HOME to its folder; docs/gpu.md"
    fi
}
compiler_of_cuda() { echo "${HOROVOD_CUDA_HOME:+$HOROVOD_CUDA_HOME/bin/}nvcc"; }

# Sets for_gpu: NCCL of its wheel, for the cards that MXNet's build has code for.
gpu_settings() {
    local nccl
    nccl=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/nccl
    # The wheel lacks the name that a linker looks for.
    mkdir "$1/nccl"
    ln -s "$nccl/lib/libnccl.so.2" "$1/nccl/libnccl.so"
    for_gpu=(HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_NCCL_LINK=SHARED
        HOROVOD_NCCL_INCLUDE="$nccl/include" HOROVOD_NCCL_LIB="$1/nccl"
        HOROVOD_BUILD_CUDA_CC_LIST=50,60,70,80,86)
    # CUDA 11's nvcc takes no g++ after 11.
    ! command -v g++-11 >/dev/null || for_gpu+=(CC=gcc-11 CXX=g++-11)
}

# Compiles Horovod against the MXNet of .venv, with tools from an environment of their own.
build_horovod() {
    local folder=$1 log=$1/build.log work packages mpi=HOROVOD_WITHOUT_MPI with="Gloo" for_gpu=()
    if has_mpi; then
        mpi=HOROVOD_WITH_MPI
        with="Gloo and MPI"
    fi
    mkdir -p "$folder"
    work=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder of now
    trap "rm -rf '$work'" EXIT
    if [ -n "$gpu" ]; then
        with+=", NCCL and CUDA"
        gpu_settings "$work"
    fi
    say "horovod: compiling with $with (2 to 4 minutes; log: $log)"
    "$venv/bin/python" -m venv "$work/tools" || return
    pip_install "$work/tools/bin/python" --require-hashes -r requirements/horovod-build.lock || return
    # The tools see MXNet, and with it the names that it misses in this NumPy. Debian's Python has a
    # sitecustomize of its own, so another one would not be read.
    packages=$work/tools/lib/python$(version_of "$venv/bin/python")/site-packages
    {
        "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
        echo "import sys; sys.path.append('$PWD'); import gluon_ssd.compat"
    } >"$packages/mxnet.pth"
    entry horovod requirements/horovod.lock >"$work/horovod.txt"
    # pip's own cache knows nothing of the HOROVOD_ settings.
    if ! env HOROVOD_WITH_MXNET=1 HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 \
        HOROVOD_WITH_GLOO=1 "$mpi=1" "${for_gpu[@]}" CMAKE_POLICY_VERSION_MINIMUM=3.5 MAKEFLAGS="-j$(nproc)" PATH="$work/tools/bin:$PATH" \
        PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$work/tools/bin/python" -m pip wheel --no-cache-dir --no-deps --no-build-isolation \
        --no-binary horovod --require-hashes -w "$work/wheel" -r "$work/horovod.txt" >"$log" 2>&1; then
        say "horovod: compiling failed; the last lines of $log:"
        tail -n 5 "$log" >&2
        return 1
    fi
    mv "$work/wheel"/horovod-*.whl "$folder/"
}

# Horovod's own launcher fails beside NumPy 1.24 and newer, and on --network of train_ssd.py.
write_horovodrun() {
    {
        # By way of sh, as a first line cannot name a Python in a folder with a space in its name.
        printf '%s\n' '#!/bin/sh' "'''exec' '$venv/bin/python' \"\$0\" \"\$@\"" "' '''"
        cat <<'PYTHON'
"""Horovod's launcher, started so that it works here; written by scripts/setup.sh."""

import argparse
import functools
import sys

import numpy

# It asks MXNet how Horovod was built, and MXNet 1.9.1 reads names that NumPy 1.24 removed.
aliases = {kind.__name__: kind for kind in (bool, int, float, complex, object, str)}
vars(numpy).update({name: kind for name, kind in aliases.items() if name not in vars(numpy)})
# It would take options of the training command for abbreviations of its own.
argparse.ArgumentParser.__init__ = functools.partialmethod(
    argparse.ArgumentParser.__init__, allow_abbrev=False
)

# MXNet's CUDA build needs its libraries to be asked.
from gluon_ssd.errors import EnvironmentProblem  # noqa: E402
from gluon_ssd.system.cuda_libraries import load_cuda_libraries  # noqa: E402

try:
    load_cuda_libraries()
except EnvironmentProblem as error:
    sys.exit(f"error: {error}")

from horovod.runner.launch import run_commandline  # noqa: E402

if __name__ == "__main__":
    sys.exit(run_commandline())
PYTHON
    } >"$venv/bin/horovodrun"
    chmod +x "$venv/bin/horovodrun"
}

install_horovod() {
    local lock=$1 folder
    shift
    folder=$(horovod_folder)
    has_horovod_wheel || (build_horovod "$folder") || return
    install_entries all_but horovod "$lock" "$@" &&
        pip_install "$venv/bin/python" --force-reinstall "$folder"/horovod-*.whl &&
        write_horovodrun
}

# The wheels bring every library but those of the compiler; see that what was installed also loads.
check_imports() {
    local output
    output=$("$venv/bin/python" -c 'import cv2, gluon_ssd.compat' 2>&1) && return
    case $output in
        *libcuda.so*) say "gpu: MXNet's CUDA build is in place; it is imported where the NVIDIA driver (libcuda.so.1) is, which this machine has not" ;;
        *libgomp* | *libquadmath*) stop "MXNet needs the system libraries libgomp.so.1 and libquadmath.so.0; install them (Debian, Ubuntu: apt-get install libgomp1 libquadmath0) and run again" ;;
        *) stop "the installed packages do not import (${output##*$'\n'}); remove $venv and run again" ;;
    esac
}

# The stamp holds "part checksum" for every finished part and is written once the part is in. A part
# whose installation was cut off is installed over again in full: a package may be there by half.
install_part() {
    local part=$1 sum=$2 started=$venv/.setup-started-$1
    say "$part: installing $(grep -c '==' "requirements/$part.lock") packages"
    if [ -e "$started" ]; then
        install_lock "$part" reinstall || return
    else
        touch "$started"
        install_lock "$part" || return
    fi
    case $part in
        base) check_imports ;;
        gpu) ! is_done base || check_imports ;; # else once the base is in
    esac
    { grep -v "^$part " "$stamp" 2>/dev/null || true; echo "$part $sum"; } >"$stamp.part"
    mv -f "$stamp.part" "$stamp"
    rm -f "$started"
}

# sum_of PART: changes with its lock; Horovod's also when MPI has come or gone since it was compiled.
sum_of() {
    local sum folder
    sum=$(sha256sum "requirements/$1.lock" | cut -d' ' -f1)
    if [ "$1" = horovod ]; then
        folder=$(horovod_folder)
        sum+=-${folder##*-}
    fi
    echo "$sum"
}

# is_done PART: whether what the stamp says fits.
is_done() {
    grep -qx "$1 $(sum_of "$1")" "$stamp" 2>/dev/null
}

make_venv
# An environment keeps the build of MXNet that it was given, or half given.
if [ -e "$venv/.setup-started-gpu" ] || grep -qs '^gpu ' "$stamp"; then
    [ -n "$gpu" ] || say "gpu: .venv holds MXNet's CUDA build and keeps it; for the CPU build remove .venv and run again"
    gpu=kept
fi
# First, so that MXNet is there when the base is checked.
[ -z "$gpu" ] || parts=(gpu "${parts[@]}")
case " ${parts[*]} " in
    *" horovod "*) is_done horovod || has_horovod_wheel || check_compiler ;;
esac
for part in "${parts[@]}"; do
    if is_done "$part"; then
        say "$part: in place"
        continue
    fi
    check_disk "$part"
    install_part "$part" "$(sum_of "$part")" ||
        stop "installing requirements/$part.lock failed (see above); check the network and the package index your pip or uv is set to, then run again"
done
# With this Python `import gluon_ssd` works in any folder.
for packages in "$venv"/lib/python3.*/site-packages; do
    printf '%s\n' "$PWD" >"$packages/gluon_ssd.pth"
done
say "ready: $venv/bin/python"
