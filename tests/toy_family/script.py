"""A script of the project in a process of its own that knows the toy family.

python -m tests.toy_family.script SCRIPT ARGUMENTS..., such as train_ssd.py --amp
"""

from __future__ import annotations

import sys

from gluon_ssd.families.build import FAMILIES
from gluon_ssd.families.catalog import SPECS
from tests.entry_builders import load_script
from tests.toy_family.family import TOY_FAMILY
from tests.toy_family.spec import TOY

if __name__ == "__main__":
    SPECS[TOY.name], FAMILIES[TOY.family] = TOY, TOY_FAMILY
    script, *arguments = sys.argv[1:]
    sys.exit(load_script(script).main(arguments))
