import subprocess
import sys

from tests.layout_rules import ROOT, modules, name_of


def test_metrics_need_neither_a_framework_nor_opencv():
    files = [name_of(path) for path in modules() if path.parent.name == "evaluation"]
    names = [file.removesuffix(".py").replace("/", ".") for file in files]
    assert "gluon_ssd.evaluation.voc_map" in names
    code = (
        "import importlib, sys\n"
        "for absent in ('mxnet', 'gluoncv', 'cv2', 'gluon_ssd.compat'):\n"
        "    sys.modules[absent] = None\n"
        f"for name in {names}:\n"
        "    importlib.import_module(name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
