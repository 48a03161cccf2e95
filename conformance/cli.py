"""`ovsi-conformance`: the suite from wherever it is installed, and what is made of its reports.

ovsi-conformance --impl CMD [options of the suite and of pytest] [TEST…]
ovsi-conformance render REPORT.json [--output DIR]
ovsi-conformance compare REPORT.json REPORT.json… [--output FILE]
ovsi-conformance merge REPORT.json REPORT.json… [--output FILE]
ovsi-conformance adapter sh|py
"""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SUITE = Path(__file__).resolve().parent
_ALONE = ("-c", os.devnull, f"--rootdir={SUITE}", f"--confcutdir={SUITE}", "-p", "no:cacheprovider", "-rN")
"""No settings of pytest of the project that the suite happens to be installed in."""


def main() -> int:
    words = sys.argv[1:]
    if missing := [name for name in ("pytest", "jsonschema") if find_spec(name) is None]:
        what = f"{' and '.join(missing)} not installed: pip install 'ovsi[conformance]', in a checkout '.[conformance]'"
        print(f"ovsi-conformance: {what}", file=sys.stderr)
        return 2
    if words[:1] in (["render"], ["compare"], ["merge"], ["adapter"]):
        return _make(words)
    if words == ["--version"]:
        from .harness.edition import SHOWN

        print(SHOWN)
        return 0
    if words in (["--help"], ["-h"]):
        print(_help(), end="")
        return 0
    import pytest

    return int(pytest.main([*_ALONE, *_for_pytest(words)]))


def _help() -> str:
    """What is the suite's own; pytest's help is of hundreds of lines."""
    from .harness.asked import add_options

    parser = argparse.ArgumentParser(prog="ovsi-conformance", usage=argparse.SUPPRESS, add_help=False)

    def group(_name: str, title: str) -> Any:
        return SimpleNamespace(addoption=parser.add_argument_group(title).add_argument)

    as_pytest_has_it: Any = SimpleNamespace(getgroup=group)
    add_options(as_pytest_has_it)
    about, _, calls = str(__doc__).strip().partition("\n\n")
    more = "Other options are pytest's own, such as -k EXPRESSION, -x, -n auto: pytest --help"
    return f"{about}\n\n{calls}\n\n{parser.format_help().strip()}\n\n{more}\n"


def _for_pytest(words: list[str]) -> list[str]:
    """What pytest is called with: ids of tests, as reports have them, are looked for in the suite.

    A word may as well be the value of an option, such as a program that is called so.
    """
    named = [word for word in words if word.startswith("test_") and (SUITE / word.partition("::")[0]).is_file()]
    others = [word for word in words if word not in named]
    chosen = named or any(Path(word.partition("::")[0]).resolve().parent == SUITE for word in others if ".py" in word)
    return [*([] if chosen else [str(SUITE)]), *(str(SUITE / word) for word in named), *others]


def _skeletons() -> Path:
    """Beside the suite where it is installed, else in the checkout."""
    installed = SUITE / "adapter"
    return installed if installed.is_dir() else SUITE.parent / "examples" / "adapter"


def _make(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ovsi-conformance", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="a report's page, JUnit XML and badge")
    render.add_argument("reports", nargs=1, type=Path, metavar="REPORT.json")
    render.add_argument("--output", type=Path, metavar="DIR", help="where to (where the report lies)")
    compare = commands.add_parser("compare", help="one page on which implementations are columns")
    compare.add_argument("reports", nargs="+", type=Path, metavar="REPORT.json")
    compare.add_argument("--output", type=Path, metavar="FILE", default=Path("compare.html"), help="(compare.html)")
    merge = commands.add_parser("merge", help="the shards' reports as one")
    merge.add_argument("reports", nargs="+", type=Path, metavar="REPORT.json")
    merge.add_argument("--output", type=Path, metavar="FILE", default=Path("report.json"), help="(report.json)")
    adapter = commands.add_parser("adapter", help="a skeleton of an adapter, on standard output")
    adapter.add_argument("language", choices=("sh", "py"))
    given = parser.parse_args(words)
    if given.command == "adapter":
        print((_skeletons() / f"adapter.{given.language}").read_text(), end="")
        return 0
    from .harness import publish

    try:
        reports = [publish.read(path) for path in given.reports]
        if given.command == "render":
            paths = publish.everything(reports[0], given.output or given.reports[0].parent)
        elif given.command == "merge":
            paths = [publish.whole(reports, given.output)]
        else:
            paths = [publish.comparison(reports, given.output)]
    except (OSError, ValueError) as error:
        print(f"ovsi-conformance {given.command}: {error}", file=sys.stderr)
        return 2
    for path in paths:
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
