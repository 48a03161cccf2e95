#!/usr/bin/env python3
"""An adapter: the command line that the conformance suite calls (chapter 8 of the specification), around your own tool.

What your tool does not offer stays `unsupported`; what it does, it may claim in `info`.
"""

import json
import sys
from collections.abc import Callable

CLAIMS: list[dict[str, str]] = []
"""Such as {"class": "dumper", "profile": "core", "vantage": "inside"}."""
Options = dict[str, list[str]]


class Refused(Exception):  # noqa: N818 - the contract's word
    """Exit 1 with an error object. `category` is judged; `code` is of the registry or begins with `x-`."""

    def __init__(self, category: str, code: str, message: str, subject: str) -> None:
        self.told = {"category": category, "code": code, "message": message, "subject": subject}


class WrongUsage(Exception):  # noqa: N818 - the contract's word
    """Exit 2, with words for a person."""


def info(_: Options) -> int:
    who = {"name": "my-tool", "version": "0.1"}
    print(json.dumps({"implementation": who, "specifications": ["1.0"], "claims": CLAIMS}))
    return 0


def validate(given: Options) -> int:
    """--image FILE. Return 0 for an image that a reader accepts; else refuse as `bad-image` or `unsupported`."""
    raise _unsupported("validate")


def dump(given: Options) -> int:
    """--pid, --mountpoint or --mount-id or --all, --output. Return 0, or 3 where a source falls short."""
    raise _unsupported("dump")


def restore(given: Options) -> int:
    """--image, --overlay, --target or --all --root, --pid, --map..., --accept..., --result. Return 0."""
    raise _unsupported("restore")


def _unsupported(subcommand: str) -> Refused:
    return Refused("unsupported", "unsupported-subcommand", f"{subcommand} is not offered", subcommand)


SUBCOMMANDS: dict[str, Callable[[Options], int]] = {
    "info": info,
    "validate": validate,
    "dump": dump,
    "restore": restore,
}
FLAGS = ("all",)


def options(words: list[str]) -> Options:
    """Option -> its values; raises WrongUsage."""
    found: Options = {}
    while words:
        word, *words = words
        if not word.startswith("--"):
            raise WrongUsage(f"{word!r} is no option")
        if word[2:] in FLAGS:
            found[word[2:]] = []
        elif not words or not words[0]:
            raise WrongUsage(f"{word} needs a value")
        else:
            found.setdefault(word[2:], []).append(words.pop(0))
    return found


def main(words: list[str]) -> int:
    try:
        if not words:
            raise WrongUsage("adapter info|validate|dump|restore [OPTION VALUE]...")
        if words[0] not in SUBCOMMANDS:
            raise _unsupported(words[0])
        return SUBCOMMANDS[words[0]](options(words[1:]))
    except WrongUsage as wrong:
        print(f"usage: {wrong}", file=sys.stderr)
        return 2
    except Refused as refused:
        print(json.dumps(refused.told), file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
