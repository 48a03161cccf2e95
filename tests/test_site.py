"""The built site: whole, offline, and readable on a telephone and on a wide screen, on light and on dark paper."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import jsonschema
import pytest
from ovsi.cli.commands import COMMANDS

from docs.support import drawing, pictures, references, vectors

from .support.chromium import LIMIT, Browser, BrowserError, Page, why_not
from .support.requirements import load
from .support.site import Document, broken, build, foreign, pages

ROOT = Path(__file__).parents[1]
SCREENSHOTS = ROOT / "build" / "screenshots" / "site"
HEIGHTS = {400: 3000, 1400: 2000}
"""Widths of windows in CSS pixels, and heights, which are those of the screenshots."""
LOOKED_AT_ON_BOTH_PAPERS = {"index.html", "understand.html", "use.html", "spec/03-image.html", "schemas/image.html"}
MARK = "window.searchIndex"

in_browser = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def documents(site: Path) -> dict[Path, Document]:
    return pages(site)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def test_no_link_is_broken(documents: dict[Path, Document]) -> None:
    assert len(documents) > 50
    assert broken(documents) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#x"></a><a href="c.html"></a><a href="#y"></a><img src="d.png">')
    (tmp_path / "b.html").write_text('<p id="z">')
    assert len(broken(pages(tmp_path))) == 4


def test_nothing_is_fetched_from_elsewhere(site: Path, documents: dict[Path, Document]) -> None:
    assert foreign(documents) == []
    for file in [*site.rglob("*.css"), *site.rglob("*.js")]:
        text = file.read_text()
        assert MARK in text or not re.search(r"https?://|@import|url\(", text), file.name


def test_ids_are_unique_and_pictures_have_alternative_text(documents: dict[Path, Document]) -> None:
    for path, document in documents.items():
        assert len(document.ids) == len(set(document.ids)), path.name
        assert document.unnamed == [], path.name


def test_each_requirement_has_its_place(site: Path, documents: dict[Path, Document]) -> None:
    places = {name for path, document in documents.items() if path.parent.name == "spec" for name in document.ids}
    rows = set(documents[site / "requirements.html"].ids)
    for requirement in load():
        assert requirement.id in places
        assert f"row-{requirement.id}" in rows


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def test_the_page_of_requirements_says_what_is_required(site: Path) -> None:
    text = _plain((site / "requirements.html").read_text())
    missing = [each.id for each in load() if f"{each.id} {each.text.replace('`', '')}" not in text]
    assert missing == []


def test_headings_say_what_the_page_is(site: Path, documents: dict[Path, Document]) -> None:
    headings: dict[str, str] = {}
    for path in documents:
        (heading,) = re.findall(r"<h1[^>]*>(.*?)</h1>", path.read_text(), re.DOTALL)
        words = _plain(heading.partition('<a class="headerlink"')[0])
        assert words not in headings, (path.name, headings[words])
        headings[words] = path.name
        assert ("schemas" in path.parts[len(site.parts) :]) == words.startswith("Schema:"), path.name


def test_reports_lead_back_to_the_site(site: Path, documents: dict[Path, Document]) -> None:
    reports = sorted((site / "reports").glob("*.html"))
    assert len(reports) >= 3
    for path in reports:
        assert "../conformance.html" in documents[path].links


def test_chapters_that_a_schema_names_are_linked(site: Path) -> None:
    page = (site / "schemas" / "image.html").read_text()
    for link in ("03-image.html\">the spec's chapter The image</a>", '04-identity.html">chapter Identity</a>'):
        assert link in page


def test_each_vector_has_its_place(documents: dict[Path, Document], site: Path) -> None:
    manifest = json.loads((ROOT / "conformance" / "vectors" / "manifest.json").read_text())
    places = documents[site / "vectors.html"].ids
    for vector in manifest["vectors"]:
        assert f"vector-{vectors.name(vector).replace('/', '-')}" in places
        if "file" in vector:
            stored = ROOT / "conformance" / "vectors" / vector["file"]
            assert (site / "vectors" / vector["file"]).read_bytes() == stored.read_bytes()


def test_references_of_the_specification_are_links() -> None:
    own = "07-restorer.md"
    there = "06-dumper.md#OVSI-DUMP-001"
    assert references.linked("by OVSI-DUMP-001 and chapter 4,", own) == (
        f"by [OVSI-DUMP-001]({there}) and [chapter 4](04-identity.md),"
    )
    assert references.linked("chapters 4 and 6; annex A; chapter 7", own) == (
        "chapters [4](04-identity.md) and [6](06-dumper.md); [annex A](annex-kernel.md); chapter 7"
    )
    assert references.linked("section 4.3", own) == "[section 4.3](04-identity.md#43-the-identity-table)"
    for kept in ("`OVSI-DUMP-001`", "[in chapter 4](x.md)", "## 4.1 Of chapter 4", "```json\nchapter 4\n```"):
        assert references.linked(kept, own) == kept
    for wrong in ("chapter 99", "section 4.99", "OVSI-DUMP-999"):
        with pytest.raises(KeyError):
            references.linked(wrong, own)


def test_requirements_lead_to_the_lines_of_their_tests(documents: dict[Path, Document], site: Path) -> None:
    """Each place that is linked is the line of a definition."""
    found = [link for link in documents[site / "requirements.html"].links if "#L-" in link]
    assert len(found) > 150
    for link in found:
        page, _, place = link.partition("#")
        (line,) = re.findall(f'<span id="{place}">(.*)</span>\n', (site / page).read_text())
        assert re.match(r" *def |[A-Z_]+(:| =)", re.sub(r"<[^>]+>", "", line)), link


def _contrast(one: str, other: str) -> float:
    """Ratio of two colours `#rrggbb`, by WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_its_paper(site: Path, dark: bool) -> None:
    sheet = "".join((site / "css" / name).read_text() for name in ("site.css", "pictures.css", "plots.css"))
    found = re.findall(r"--([\w-]+):\s*light-dark\((#\w{6}),\s*(#\w{6})\)", sheet)
    colours = {name: values[dark] for name, *values in found}
    for ink in ("ink", "faint", "link", "good", "bad", "warn"):
        for paper in ("paper", "well"):
            assert _contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for ink, papers in {
        "p-ink": ("p-upper", "p-lower", "p-work", "p-well", "p-mark"),
        "p-faint": ("p-well", "p-lower", "p-mark"),
        "p-good": ("p-well", "p-lower"),
        "p-bad": ("p-well",),
        "plot-text": ("paper",),
    }.items():
        for paper in papers:
            assert _contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    code = re.findall(r"light-dark\((#\w{6}),\s*(#\w{6})\)", (site / "css" / "code.css").read_text())
    assert len(code) >= 2
    for values in code:
        assert _contrast(values[dark], colours["well"]) >= 4.5, values


def test_picture_of_the_readme_is_fresh() -> None:
    assert pictures.OVERVIEW.read_text() == pictures.overview(), "python -m docs.support.pictures"


def test_picture_is_of_a_valid_image() -> None:
    image = json.loads((ROOT / "schemas" / "image.json").read_text())
    jsonschema.Draft202012Validator(image).validate(json.loads(pictures.TOUR.read_text()))


def test_picture_of_the_ladder_has_the_rungs_that_there_are() -> None:
    (option,) = (each for each in COMMANDS["show"].options if each.name == "without")
    rungs = [name for name, _, _ in pictures.RUNGS]
    assert option.words is not None
    assert rungs == list(option.words())
    registered = json.loads((ROOT / "schemas" / "registries.json").read_text())["methods"]
    assert set(rungs) <= {each["name"] for each in registered}


def test_picture_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        drawing.Panel("title", "text").words(0, 10, "m" * 60)


# In a browser


def _names(site: Path) -> list[str]:
    found = (str(path.relative_to(site)) for path in site.rglob("*.html"))
    return sorted(name for name in found if not name.startswith("sources/"))


@in_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", HEIGHTS)
def test_every_page_is_readable(browser: Browser, site: Path, width: int, dark: bool) -> None:
    """Layout does not depend on the paper: wide pages are looked at on light, narrow ones on dark, some on both."""
    page = browser.open((site / "index.html").as_uri(), width=width, dark=dark)
    for name in _names(site) if dark == (width == 400) else LOOKED_AT_ON_BOTH_PAPERS:
        page.show((site / name).as_uri(), width, HEIGHTS[width], dark)
        assert page.complaints == [], name
        assert page.foreign() == [], name
        assert page.overflow() == [], name
        paper = "dark" if dark else "light"
        picture = f"{name.removesuffix('.html').replace('/', '-')}-{width}-{paper}.png"
        page.screenshot(SCREENSHOTS / picture, whole=False)


@in_browser
@pytest.mark.parametrize("width", HEIGHTS)
@pytest.mark.parametrize("name", ["understand.html", "use.html", "schemas/image.html", "benchmarks.html"])
def test_keyboard_reaches_all(browser: Browser, site: Path, name: str, width: int) -> None:
    """Also on pages with blocks and tables that scroll sideways."""
    page = browser.open((site / name).as_uri(), width=width)
    assert page.unreachable() == []
    page.show((site / name).as_uri(), width=width)
    assert page.tab_stops(1) == ["a To the text"]


def _search(page: Page, words: str) -> list[str]:
    """Titles of what is found, typed as a reader does."""
    page.press("/")
    page.evaluate("document.getElementById('query').value = ''")
    for letter in words:
        page.press(letter)
    found: list[str] = page.evaluate("""new Promise(resolve => {
        const read = () => {
            const rows = [...document.querySelectorAll('#found li')].map(e => e.innerText.split('\\n')[0]);
            window.searchIndex && rows.length ? resolve(rows) : setTimeout(read, 20);
        };
        read();
    })""")
    return found


def _arrived(page: Page) -> bool:
    try:
        return bool(page.evaluate("document.readyState === 'complete' && document.querySelector(':target') !== null"))
    except BrowserError:  # the page that was asked is the one that is being left
        return False


@in_browser
def test_search_leads_to_a_requirement(browser: Browser, site: Path) -> None:
    page = browser.open((site / "spec" / "index.html").as_uri())
    assert _search(page, "ovsi-dump-012")[0].startswith("OVSI-DUMP-012")
    page.press("Enter")
    deadline = time.monotonic() + LIMIT
    while not _arrived(page):
        assert time.monotonic() < deadline
    assert page.evaluate("location.href").endswith("spec/06-dumper.html#OVSI-DUMP-012")
    assert page.evaluate("document.querySelector(':target').getBoundingClientRect().top >= 40")


@in_browser
def test_search_by_words_and_by_nothing(browser: Browser, site: Path) -> None:
    page = browser.open((site / "index.html").as_uri(), width=400)
    assert any("nspawn" in title or "systemd" in title for title in _search(page, "nspawn"))
    page.press("Escape")
    assert page.evaluate("document.getElementById('found').hidden")
    assert _search(page, "qwertz") == ["Nothing found"]
    assert page.overflow() == []
    assert page.complaints == []


@in_browser
@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("how do I validate", "Validate your tool"),
        ("how to install", "Install · A tour"),
        ("what is a mutant", "Vectors and mutants · Requirements"),
        ("exit code 3", "8.2 Exit status · 8. The command line"),
        ("upper in use", "in-use · Error codes"),
        ("OVSI-REST-035", "OVSI-REST-035 · 7. The restorer"),
        ("ovsi dump", "ovsi dump · Commands"),
        ("btrfs", "4.3 The identity table · 4. Identity"),
        ("statmount", "A.2 Reading the mount table · Annex A: the kernel"),
        ("recipes", "Recipes"),
        ("rootless docker", "Recipes"),
        ("restore qwertz", "Restore: the same mount again · A tour"),
    ],
)
def test_search_answers_what_visitors_ask(browser: Browser, site: Path, words: str, place: str) -> None:
    """Among the first: a name is found by itself, and a question by its telling words."""
    page = browser.open((site / "index.html").as_uri())
    assert place in _search(page, words)[:4]


@in_browser
def test_links_are_seen_and_ids_are_not_broken(browser: Browser, site: Path) -> None:
    underlined = """[...document.querySelectorAll('main a')].filter(
        e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
          && !e.matches('.headerlink') && getComputedStyle(e).textDecorationColor === 'rgba(0, 0, 0, 0)')
        .map(e => e.innerText)"""
    broken_up = """[...document.querySelectorAll('main a[href*="OVSI-"]:not(.judged *), td .short')].filter(
        e => e.getClientRects().length > 1).map(e => e.innerText)"""
    page = browser.open((site / "index.html").as_uri(), width=400)
    for name in ("index.html", "spec/changes.html", "spec/annex-interfaces.html", "vectors.html"):
        page.show((site / name).as_uri(), width=400)
        assert page.evaluate(underlined) == [], name
        assert page.evaluate(broken_up) == [], name
        assert page.overflow() == [], name


@in_browser
def test_a_date_in_a_table_is_one_word(browser: Browser, site: Path) -> None:
    page = browser.open((site / "spec" / "annex-interfaces.html").as_uri(), width=1400)
    lines = page.evaluate(
        "[...document.querySelectorAll('td')].filter(e => /^\\d{4}-\\d\\d-\\d\\d$/.test(e.innerText))"
        ".map(e => e.firstChild.getClientRects().length)"
    )
    assert lines
    assert set(lines) == {1}


@in_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_word_in_the_empty_field_is_readable(browser: Browser, site: Path, dark: bool) -> None:
    page = browser.open((site / "index.html").as_uri(), dark=dark)
    colours = page.evaluate("""['color', 'opacity'].map(
        name => getComputedStyle(document.getElementById('query'), '::placeholder')[name])""")
    assert colours == [page.evaluate("getComputedStyle(document.querySelector('footer')).color"), "1"]


@in_browser
def test_buttons(browser: Browser, site: Path) -> None:
    page = browser.open((site / "index.html").as_uri(), width=400, dark=False)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.evaluate("document.getElementById('theme').click()")
    dark = page.evaluate(paper)
    assert dark != light
    page.show((site / "use.html").as_uri(), width=400)
    assert page.evaluate(paper) == dark, "the choice is kept from page to page"
    assert page.evaluate("document.getElementById('pages').checkVisibility()") is False
    page.evaluate("document.getElementById('menu').click()")
    assert page.evaluate("document.getElementById('pages').checkVisibility()") is True
    assert page.overflow() == []


@in_browser
@pytest.mark.parametrize("width", [400, 800])
def test_list_of_pages_opens_where_the_reader_is(browser: Browser, site: Path, width: int) -> None:
    page = browser.open((site / "spec" / "07-restorer.html").as_uri() + "#OVSI-REST-012", width=width, height=800)
    page.evaluate("document.getElementById('menu').click()")
    header, top, bottom = page.evaluate(
        "[document.querySelector('header').getBoundingClientRect().bottom,"
        " ...['top', 'bottom'].map(side => document.getElementById('pages').getBoundingClientRect()[side])]"
    )
    assert header - 2 <= top <= header + 4
    assert bottom <= 801
