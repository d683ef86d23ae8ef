"""Markup: everything that is not finished is escaped."""

from __future__ import annotations

from gluon_ssd.report.analysis.markup import (
    Heading,
    Raw,
    element,
    image,
    number,
    percent,
    signed,
    table,
)

NASTY = "<script>\"&'</script>"
SAFE = "&lt;script&gt;&quot;&amp;&#x27;&lt;/script&gt;"


def test_texts_and_values_of_attributes_are_escaped():
    got = element("p", NASTY, Raw("<br>"), 3, class_="a", data_kind=NASTY, title=None)
    assert got == f'<p class="a" data-kind="{SAFE}">{SAFE}<br>3</p>'
    assert image(NASTY, NASTY, (3, 2)) == (
        f'<img src="{SAFE}" alt="{SAFE}" loading="lazy" width="3" height="2">'
    )


def test_tables_escape_names_and_mark_numbers():
    got = table([Heading("name", is_number=False), Heading("n")], [(NASTY, 3)])
    assert f'<tr><td>{SAFE}</td><td class="number">3</td></tr>' in got
    assert got.startswith('<div class="scroll"><table><thead>')


def test_numbers_that_are_not_known_are_dashes():
    nan = float("nan")
    assert [number(nan), percent(nan), signed(nan)] == ["–"] * 3
    assert [number(0.5), percent(0.5), signed(0.5), signed(-0.01)] == [
        "0.500",
        "50.0",
        "+50.0",
        "-1.0",
    ]
