"""The built site as a test sees it: its pages, what they link to, what they are named by."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[2]


def build(directory: Path) -> Path:
    """Build the site there, strictly. Raises CalledProcessError."""
    mkdocs = Path(sys.executable).parent / "mkdocs"
    words = [str(mkdocs), "build", "--strict", "--site-dir", str(directory)]
    subprocess.run(words, cwd=ROOT, check=True, timeout=300)
    return directory


@dataclass
class Document(HTMLParser):
    """One page: `links` lead on, `loads` are fetched by itself, `unnamed` are pictures without alternative text."""

    path: Path
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what the element says."""
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif "href" in values and tag in ("link", "use", "image"):
            self.loads.append(values["href"])
        if "src" in values:
            self.loads.append(values["src"])
        if (tag == "img" and not values.get("alt")) or (tag == "svg" and not values.get("aria-labelledby")):
            self.unnamed.append(self.get_starttag_text() or tag)


def pages(site: Path) -> dict[Path, Document]:
    """All pages, by path."""
    return {path: Document(path) for path in sorted(site.rglob("*.html"))}


def broken(documents: dict[Path, Document]) -> list[str]:
    """Links and loads inside the site that lead nowhere, anchors included; a line each."""
    ids = {path: set(document.ids) for path, document in documents.items()}
    found = []
    for path, document in documents.items():
        for address in [*document.links, *document.loads]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{path.name}: {address}: no such file")
            elif parts.fragment and unquote(parts.fragment) not in ids.get(target, set()):
                found.append(f"{path.name}: {address}: no such place")
    return found


def foreign(documents: dict[Path, Document]) -> list[str]:
    """What pages fetch by themselves from elsewhere."""
    return [
        f"{path.name}: {address}"
        for path, document in documents.items()
        for address in document.loads
        if urlsplit(address).scheme not in ("", "data") or urlsplit(address).netloc
    ]
