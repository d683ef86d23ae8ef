#!/usr/bin/env bash
# Sets up what is missing, then runs every check and every test. Arguments go to pytest:
#   bash scripts/test.sh
#   bash scripts/test.sh tests/data -k voc
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

bash scripts/setup.sh --dev
bash scripts/check.sh
exec .venv/bin/python -m pytest "$@"
