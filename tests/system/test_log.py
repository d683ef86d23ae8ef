from __future__ import annotations

import logging

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
