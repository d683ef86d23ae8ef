from __future__ import annotations

import logging
from pathlib import Path

from gluon_ssd.system.log import console_log


def test_messages_are_bare_lines_within_the_block_only(capsys):
    log = logging.getLogger("gluon_ssd.some.module")
    with console_log() as logger:
        log.info("trained %d", 3)
        log.debug("not shown")
        assert logger.name == "gluon_ssd"
    log.warning("after")
    assert capsys.readouterr().err == "trained 3\n"


def test_level_comes_back_and_handlers_do_not_pile_up(capsys):
    logger = logging.getLogger("gluon_ssd")
    before = logger.level, len(logger.handlers)
    for _ in range(3):
        with console_log():
            logger.info("once")
    assert (logger.level, len(logger.handlers)) == before
    assert capsys.readouterr().err == "once\n" * 3


def test_names_with_line_breaks_stay_one_line_and_texts_of_many_lines_stay_so(capsys):
    with console_log() as logger:
        logger.warning("cannot read %s", Path("a\nb\x1b[2J"))
        logger.info("[Epoch %d] Validation: \n%s", 3, "cat=0.5\nmAP=0.5")
    lines = "cannot read a\\nb\\x1b[2J\n[Epoch 3] Validation: \ncat=0.5\nmAP=0.5\n"
    assert capsys.readouterr().err == lines
