from __future__ import annotations

import threading

from gluon_ssd.data.image_notes import DAMAGED, DARK, Note, collected_notes, tell

NOTE = Note(DAMAGED, "the image a.jpg is damaged")


def test_notes_are_collected_and_not_logged(caplog):
    with collected_notes() as notes:
        tell(NOTE)
        with collected_notes() as inner:
            tell(Note(DARK, "dark"))
        tell(NOTE)
    assert (notes, [note.reason for note in inner]) == ([NOTE, NOTE], [DARK])
    assert caplog.messages == []


def test_without_a_collector_they_are_warnings(caplog):
    with collected_notes():
        pass
    tell(NOTE)
    assert caplog.messages == [NOTE.message]


def test_each_thread_collects_its_own():
    found = []

    def work():
        with collected_notes() as notes:
            tell(NOTE)
        found.append(notes)

    with collected_notes() as notes:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert (found, notes) == ([[NOTE]], [])
