from gluon_ssd.doctor.verdict import NOTE, OK, Verdict


def test_a_verdict_is_one_line():
    assert str(Verdict(NOTE, "disk", "1 MiB free")) == "note  disk: 1 MiB free"
    assert str(Verdict(OK, "disk", "1 MiB free")) == "ok    disk: 1 MiB free"
