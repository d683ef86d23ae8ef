"""Look over the machine and the installation: one verdict a line. See scripts/doctor.py.

Standard library only, so that it runs on any Python where nothing is installed yet.
"""

from __future__ import annotations

from gluon_ssd.doctor import gpus, installation, machine
from gluon_ssd.doctor.verdict import FAIL, NOTE, Verdict


def examine() -> list[Verdict]:
    """Every verdict, in the order of the report."""
    verdicts = [installation.check_platform(), installation.check_python()]
    if verdicts[0].level == FAIL:
        # The rest reads what only Linux has, and nothing of it could help.
        return verdicts
    probes = installation.start_probes()
    of_machine = machine.examine(installation.ROOT)
    listed = gpus.list_gpus()
    of_installation, mxnet = installation.examine(probes)
    verdicts += [*of_installation, *of_machine, *gpus.check_gpus(listed, mxnet)]
    return verdicts + [installation.check_extra(extra) for extra in installation.EXTRAS]


def summary(verdicts: list[Verdict]) -> str:
    """The last line of the report."""
    fails = sum(verdict.level == FAIL for verdict in verdicts)
    notes = sum(verdict.level == NOTE for verdict in verdicts)
    if fails:
        return f"doctor: {fails} of {len(verdicts)} will fail, see the lines marked {FAIL}"
    return f"doctor: ready, {notes} notes" if notes else "doctor: ready"
