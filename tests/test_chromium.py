"""The browser that tests look at pages with: it sees what is wrong with a page, and finds nothing on a right one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.chromium import Browser, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
RIGHT = "<!doctype html><title>t</title><p>text <a href='#x'>link</a> <button>press</button> <input id=f>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def _file(directory: Path, html: str) -> str:
    path = directory / "page.html"
    path.write_text(html)
    return path.as_uri()


def test_right_page(browser: Browser, tmp_path: Path) -> None:
    page = browser.open(_file(tmp_path, RIGHT), width=400, dark=True)
    assert (page.complaints, page.foreign(), page.overflow(), page.unreachable()) == ([], [], [], [])
    assert page.tab_stops() == ["a link", "button press", "input#f"]
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches && innerWidth === 400")
    page.evaluate("document.getElementById('f').focus()")
    page.press("x")
    assert page.evaluate("document.getElementById('f').value") == "x"
    assert page.screenshot(tmp_path / "shots" / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<script>console.error('out', 1)</script>", "console.error: out 1"),
        ("<script>throw new Error('thrown')</script>", "Error: thrown"),
        ("<img src=missing.png>", "not loaded"),
    ],
)
def test_complaints(browser: Browser, tmp_path: Path, html: str, complaint: str) -> None:
    page = browser.open(_file(tmp_path, RIGHT + html))
    assert any(complaint in each for each in page.complaints), page.complaints


def test_request_to_another_host(browser: Browser, tmp_path: Path) -> None:
    page = browser.open(_file(tmp_path, RIGHT + "<img src='http://127.0.0.1:9/x.png'>"))
    assert page.foreign() == ["http://127.0.0.1:9/x.png"]
    assert page.foreign("127.0.0.1:9") == []


def test_what_sticks_out(browser: Browser, tmp_path: Path) -> None:
    page = browser.open(_file(tmp_path, RIGHT + "<div style='width:500px'>wide</div>"), width=400)
    assert [each[:4] for each in page.overflow()] == ["<div"]


def test_what_the_keyboard_does_not_reach(browser: Browser, tmp_path: Path) -> None:
    trap = "<script>document.querySelector('button').onfocus = e => e.target.blur()</script>"
    page = browser.open(_file(tmp_path, RIGHT + trap))
    assert page.unreachable() == ["<button>press</button>"]
