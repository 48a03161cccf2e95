"""mkdocs hook: the pages that are not files under docs/, the pictures, and the index of the search.

The specification's chapters, the schemas, the registries, the changes, the commands and the results live elsewhere in
the repository, each in one place; here they become pages.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "reference")]

from docs.support import (  # noqa: E402 - found there
    benchmarks,
    chapters,
    commands,
    matrix,
    pictures,
    registries,
    results,
    schemas,
    tables,
    vectors,
)
from tests.support.requirements import load  # noqa: E402 - as above

_CODE = re.compile(r"(?<!<pre>)<code>([^<\n]+)</code>")
_COUNTS = re.compile(r"(?:\b\d+ (?:test|vector|mutant)s?\b(?:, )?)+")
"""What chapters.py puts behind a requirement: nothing that anybody searches for."""
_LINKED_CODE = re.compile(r"<a (?=[^>]*>\s*<code>[^<]*</code></a>)(?![^>]*class=)")
_DATE = re.compile(r"(<td[^>]*)>(\d{4}-\d{2}-\d{2})<")
_SHORT = 24
_PICTURE = re.compile(r"^!\[([^\]]+)\]\(pictures/([a-z-]+)\.svg\)$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation of folders that are listed nowhere by hand."""
    config.nav = [_expanded(entry) for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and the colours of the pictures."""
    for name, content in _generated():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Draw the pictures that a page names into it, and list the pages of a folder that has nothing else to say."""
    drawn = _PICTURE.sub(lambda match: pictures.figure(match[2], caption=match[1]), markdown)
    return drawn + _titles(page.file, files) if page.file.src_uri.endswith("decisions/README.md") else drawn


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Prepare tables and words of code for narrow screens, and sources for links to their lines."""
    if page.file.src_uri.startswith("sources/"):
        html, lines = matrix.numbered(html)
        page.present_anchor_ids = (page.present_anchor_ids or set()) | lines
        return html
    html = _DATE.sub(r'\1><span class="short">\2</span><', tables.labelled(html))
    return _CODE.sub(_breakable, _LINKED_CODE.sub('<a class="coded" ', html))


def _breakable(code: re.Match[str]) -> str:
    """A short word of code is not broken, nor an option within a long one, which is broken behind underscores first."""
    if len(code[1]) <= _SHORT:
        return f'<code class="short">{code[1]}</code>'
    whole = re.sub(r"(?<![\w-])--[a-z-]+", r'<span class="short">\g<0></span>', code[1])
    return f"<code>{whole.replace('_', '_<wbr>')}</code>"


def _titles(overview: File, files: Files) -> str:
    """A list of links to the other pages beside `overview`."""
    folder = overview.src_uri.rpartition("/")[0]
    beside = [
        file for file in files.documentation_pages() if file.src_uri.startswith(f"{folder}/") and file != overview
    ]
    lines = [
        f"- [{file.content_string.partition(chr(10))[0].removeprefix('# ')}]({file.src_uri.rpartition('/')[2]})"
        for file in sorted(beside, key=lambda file: file.src_uri)
    ]
    return "\n" + "\n".join(lines) + "\n"


def on_post_build(config: MkDocsConfig) -> None:
    """Make the index of the search a script, which a page opened from a disk may load, and add the requirements."""
    directory = Path(config.site_dir) / "search"
    source = directory / "search_index.json"
    entries = list(_index(json.loads(source.read_text())["docs"]))
    (directory / "index.js").write_text(f"window.searchIndex = {json.dumps(entries, ensure_ascii=False)};\n")
    source.unlink()


def _generated() -> Iterator[tuple[str, str | bytes]]:
    requirements = load()
    yield from chapters.pages(requirements)
    yield "requirements.md", matrix.page(requirements)
    yield from matrix.sources()
    yield from vectors.pages()
    yield from schemas.pages()
    for schema in sorted((ROOT / "schemas").glob("*.json")):
        yield f"schemas/{schema.name}", schema.read_text()
    yield "registries.md", registries.words()
    yield "errors.md", registries.errors()
    yield "profiles.md", registries.profiles()
    yield "commands.md", commands.page()
    yield from results.pages()
    yield from benchmarks.pages()
    yield "changes.md", (ROOT / "CHANGELOG.md").read_text()
    yield "css/pictures.css", pictures.style_sheet()


def _expanded(entry: Any) -> Any:
    if isinstance(entry, str):
        return entry
    ((title, target),) = entry.items()
    if isinstance(target, list):
        return {title: [_expanded(each) for each in target]}
    if not target.endswith("/"):
        return {title: target}
    if target == "spec/":
        first, *others = (f"spec/{name}" for name in chapters.names())
        return {title: [{"Overview": first}, *others]}
    if target == "schemas/":
        return {title: [{kind: f"schemas/{name}"} for name, kind in schemas.names()]}
    folder = sorted((ROOT / "docs" / target).glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
    return {
        title: [{"Overview": target + page.name} if page.stem == "README" else target + page.name for page in folder]
    }


def _index(entries: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    titles: dict[str, str] = {}
    for entry in entries:
        address, _, place = entry["location"].partition("#")
        if place and titles.get(address) == "Overview":  # in the navigation; the page has a title of its own
            titles[address] = entry["title"]
        if not place:
            titles[address] = entry["title"]
        elif not address.startswith("sources/"):
            text = _COUNTS.sub("", entry["text"]) if address.startswith("spec/") else entry["text"]
            yield {**entry, "text": " ".join(text.split()), "page": titles.get(address, "")}
    for requirement in load():
        address = chapters.address(requirement)
        page = titles.get(address.partition("#")[0], "")
        text = requirement.text.replace("`", "")
        yield {"location": address, "title": requirement.id, "text": text, "page": page}
