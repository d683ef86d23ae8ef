"""The page of a report in a real browser, at the widths of a screen and of a telephone."""

from __future__ import annotations

import pytest

from tests.browser import BINARY, INSTALL, Browser
from tests.report.analysis.builders import CLASSES, report

pytestmark = pytest.mark.skipif(BINARY is None, reason=f"no Chromium; run: {INSTALL}")

WIDTHS = (1280, 400)
SHOWN = "[...document.querySelectorAll('#cases figure')].filter(each => each.offsetParent !== null)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "report"
    report(folder, compared=True)
    return f"file://{folder / 'index.html'}"


def choose(name: str, value: str) -> str:
    return (
        f"(() => {{ const form = document.getElementById('filter'); form.{name}.value = {value!r};"
        " form.dispatchEvent(new Event('input')); })()"
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(browser, page, width):
    browser.open(page, width)
    browser.run("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.run("innerWidth") == width
    assert browser.run("document.documentElement.scrollWidth") == width
    # What is wider scrolls by itself.
    wide = browser.run(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && "
        "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName)"
    )
    assert wide == []


def test_plots_keep_their_letters_readable_in_a_narrow_window(browser, page):
    browser.open(page, 400)
    sizes = browser.run(
        "[...document.querySelectorAll('.plot img')].map(e => { e.loading = 'eager'; return e; })"
        ".reduce((last, e) => last.then(all => e.decode().then(() => "
        "[...all, [e.naturalWidth, e.getBoundingClientRect().width]])), Promise.resolve([]))"
    )
    assert len(sizes) > 5
    assert all(shown in (natural, 640, 0) for natural, shown in sizes), sizes
    assert any(shown == 640 for _, shown in sizes)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_picture_is_there_and_the_page_complains_of_nothing(browser, page, width):
    browser.problems.clear()
    browser.open(page, width)
    browser.run("[...document.images].forEach(each => { each.loading = 'eager'; })")
    broken = browser.run(
        "Promise.all([...document.images].map(each => each.decode().then(() => null, "
        "() => each.src))).then(all => all.filter(Boolean))"
    )
    assert broken == []
    assert browser.run("document.images.length") > 50
    assert browser.problems == []


def test_the_filter_shows_what_is_chosen(browser, page):
    browser.open(page, 1280)
    total = browser.run(f"{SHOWN}.length")
    assert total > 30 and browser.run("state.textContent") == f"{total} of {total} shown"
    browser.run(choose("kind", "missed"))
    kinds = browser.run(f"[...new Set({SHOWN}.map(each => each.dataset.kind))]")
    assert kinds == ["missed"]
    browser.run(choose("kind", ""))
    browser.run(choose("label", "1"))
    labels = browser.run(f"{SHOWN}.map(each => [each.dataset.label, each.dataset.other])")
    assert 0 < len(labels) < total and all("1" in pair for pair in labels)
    browser.run(choose("label", ""))
    browser.run(choose("score", "0.6"))
    scores = browser.run(f"{SHOWN}.map(each => each.dataset.score)")
    assert browser.run("state.textContent") == f"{len(scores)} of {total} shown"
    assert browser.run("least.textContent") == "0.60"
    assert 0 < len(scores) < total
    assert all(score == "" or float(score) >= 0.6 for score in scores)


def test_names_are_texts_and_never_markup(browser, page):
    browser.open(page, 1280)
    options = browser.run(
        "[...document.querySelectorAll('select[name=label] option')].map(e => e.text)"
    )
    assert options[1:] == list(CLASSES)
    assert browser.run("document.querySelectorAll('b').length") > 0
    assert (
        browser.run("[...document.querySelectorAll('b')].some(e => e.textContent == 'dogs')")
        is False
    )
    assert browser.run("document.querySelectorAll('i, drawn').length") == 0


def test_scripts_of_others_do_not_run(browser, page):
    browser.open(page, 1280)
    browser.run(
        "(() => { const script = document.createElement('script'); "
        "script.textContent = 'window.intruder = 1'; document.body.append(script); })()"
    )
    assert browser.run("typeof window.intruder") == "undefined"
