"""A small project for scripts/setup.sh, with wheels made here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from gluon_ssd.doctor.installation import EXTRAS

ROOT = Path(__file__).resolve().parent.parent

# All that setup.sh calls; leaving out the rest of PATH hides uv and every Python.
TOOLS = (
    "awk bash cat chmod cut df dirname env flock grep ls mkdir mktemp mv nproc rm sed sha256sum "
    "tail touch uname"
).split()


def make_wheel(folder: Path, name: str = "cv2", module: str = "") -> str:
    """Write version 1.0 as a wheel of one module; returns its requirement line with the hash.

    The module has the wheel's name if no other is given; what it was installed from is in it.
    """
    escaped = name.replace("-", "_")
    wheel = folder / f"{escaped}-1.0-py3-none-any.whl"
    information = f"{escaped}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module or escaped}.py", f"INSTALLED = True\nWHEEL = '{name}'\n")
        archive.writestr(
            f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{information}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{information}/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class Project:
    """A copy of setup.sh with a base lock of one wheel, in a folder with a space in its name."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my project"
        self.tools = folder / "tools"
        for part in ("scripts", "requirements", "gluon_ssd"):
            (self.root / part).mkdir(parents=True)
        shutil.copy(ROOT / "scripts/setup.sh", self.root / "scripts")
        (self.root / "gluon_ssd/__init__.py").touch()
        (self.root / "gluon_ssd/compat.py").touch()
        self.lock = self.root / "requirements/base.lock"
        self.lock.write_text(make_wheel(folder))
        for extra in [*EXTRAS, "horovod-build", "gpu"]:
            (self.root / f"requirements/{extra}.lock").write_text(self.lock.read_text())
        self.tools.mkdir()
        for tool in TOOLS:
            (self.tools / tool).symlink_to(shutil.which(tool) or f"/usr/bin/{tool}")
        self.environment = {
            "PATH": str(self.tools),
            "HOME": str(folder),
            "PYTHON": sys.executable,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": folder.as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
        }

    @property
    def stamp(self) -> Path:
        return self.root / ".venv/.setup-stamp"

    def setup(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(self.root / "scripts/setup.sh"), *arguments],
            cwd="/",
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def is_importable(self, name: str = "cv2") -> bool:
        code = f"import {name}; assert {name}.INSTALLED"
        command = [self.root / ".venv/bin/python", "-c", code]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fake_python(self, version: str) -> str:
        """A stand-in for a Python of that version without the venv module."""
        file = self.tools.parent / f"python{version}"
        file.write_text(
            f"#!/bin/bash\ncase $2 in *version_info*) echo {version} ;; *) exit 1 ;; esac\n"
        )
        file.chmod(0o755)
        return str(file)


def last_line(run: subprocess.CompletedProcess[str]) -> str:
    """The last line that it wrote on stderr."""
    return run.stderr.strip().splitlines()[-1]


def add_compilers(project: Project) -> None:
    """Let setup.sh find what compiling Horovod needs, which does nothing."""
    for tool in ("cmake", "g++", "make"):
        (project.tools / tool).symlink_to("/usr/bin/true")
