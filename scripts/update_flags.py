#!/usr/bin/env python3
"""Write docs/flags.md and docs/config/*.ini from the declared options.

python scripts/update_flags.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_ssd.system.files import atomic_write  # noqa: E402
from gluon_ssd.system.script import run_main  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments:
        print((__doc__ or "").strip())
        return 0 if arguments[0] in ("-h", "--help") else 2
    return run_main(update)


def update() -> int:
    """Rewrite the files."""
    from gluon_ssd.commands.flags_page import flags_page, sample_files  # --help needs no options

    texts = {"flags.md": flags_page(), **sample_files()}
    for name, text in texts.items():
        with atomic_write(ROOT / "docs" / name, "w") as file:
            file.write(text)
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
