#!/usr/bin/env bash
# Sets up what is missing, every extra that this machine can have included, then runs every check and
# every test. Arguments go to pytest:
#   bash scripts/test.sh
#   bash scripts/test.sh tests/data -k voc
# Tests of an extra that cannot be installed are skipped and listed; with CI=true they fail.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

bash scripts/setup.sh --dev
for extra in tune dali horovod mllog onnx openvino loadgen ray supervision serve tensorboard; do
    bash scripts/setup.sh --extras "$extra" ||
        echo "test.sh: this machine cannot have the extra $extra (see above); its tests will not run" >&2
done
command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
    echo "test.sh: no Chromium: pages are not looked at (Debian, Ubuntu: apt-get install chromium)" >&2
bash scripts/check.sh
# As many tests beside one another as there are cores, though not more than memory bears.
exec .venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal "$@"
