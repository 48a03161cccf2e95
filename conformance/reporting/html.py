"""HTML as values: elements that escape what is put into them, and the shell of a page that loads nothing."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

_STYLE = Path(__file__).with_name("page.css")
_EMPTY = frozenset({"br", "col", "hr", "input", "link", "meta"})
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Html | None | Iterable["Child"]


def _content(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str):
            yield escape(child, quote=False)
        elif child is not None:
            yield from _content(child)


def join(*children: Child) -> Html:
    return Html("".join(_content(children)))


def tag(name: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """An element. A trailing underscore of an attribute's name falls away, others become hyphens; None: left out."""
    words = [name]
    for key, value in attributes.items():
        shown = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(shown)
        elif value is not None and value is not False:
            words.append(f'{shown}="{escape(value)}"')
    opened = f"<{' '.join(words)}>"
    return Html(opened) if name in _EMPTY else Html(f"{opened}{join(*children)}</{name}>")


def page(title: str, *body: Child) -> str:
    """A whole document with the style inside, by whose own policy nothing is loaded from anywhere."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(_STYLE.read_text())),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", tag("main", *body)), lang="en") + "\n"


def table(caption: str, columns: list[Child], rows: Iterable[Html], class_: str | None = None) -> Html:
    """A table in a frame of its own, which scrolls (by keyboard too) where it is wider than the page."""
    head = tag("thead", tag("tr", [tag("th", column, scope="col") for column in columns]))
    inner = tag("table", tag("caption", caption), head, tag("tbody", *rows), class_=class_)
    return tag("div", inner, class_="frame", tabindex="0", role="region", aria_label=caption)


def row(first: Child, *cells: Child | Html, class_: str | None = None) -> Html:
    """A row; cells that are no `td` yet become one."""
    made = [cell if isinstance(cell, Html) and cell.startswith("<td") else tag("td", cell) for cell in cells]
    return tag("tr", tag("th", first, scope="row"), made, class_=class_)


GLYPHS = {
    "passed": "✓",
    "failed": "✗",
    "errored": "‼",
    "skipped": "○",
    "partial": "○",
    "not-claimed": "-",
    "empty": "∅",
    "unfinished": "…",
    "withdrawn": "⌀",
}


def mark(word: str, text: str | None = None) -> Html:
    """A verdict: a sign, a colour and the word; none of them alone."""
    shown = word.replace("-", " ") if text is None else text
    return tag("span", tag("span", GLYPHS.get(word, "·"), aria_hidden="true"), " ", shown, class_=f"mark {word}")
