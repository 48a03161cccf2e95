"""What mutants and right variants are made of: the reference behind a filter.

A variant is a program with the contract's command line (`be.py NAME …`). It runs the reference and changes, as it
declares, what goes in or what comes out, so that nothing here depends on how the reference is built. A filter is any
of:

    words(words)             another command line
    document(data)           the bytes of an image that is to be read, by `validate` and `restore`
    source(document, given)  the image that is to be restored, changed in place; `given`: the options of the command
    image(document, given)   the image that was dumped, changed in place
    after(given, code)       something more that is done after the command
    code(words, code)        another exit code
    info(claims)             other claims, changed in place
    be(words)                a whole program in place of the reference; its exit code

A module has one variant, MUTANT or VARIANT, or a family of them, MUTANTS or VARIANTS. Imports that cost time are made
where they are needed: a variant is started thousands of times.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

Json = dict[str, Any]
Given = dict[str, str]


class Variant:
    """The reference behind filters."""

    def __init__(
        self,
        *,
        words: Callable[[list[str]], list[str]] | None = None,
        document: Callable[[bytes], bytes] | None = None,
        source: Callable[[Json, Given], None] | None = None,
        image: Callable[[Json, Given], None] | None = None,
        after: Callable[[Given, int], None] | None = None,
        code: Callable[[list[str], int], int] | None = None,
        info: Callable[[Json], None] | None = None,
        be: Callable[[list[str]], int] | None = None,
        extra: tuple[str, ...] = (),
    ) -> None:
        self.words, self.document, self.source, self.image = words, document, source, image
        self.after, self.code, self.info = after, code, info
        self.program, self.extra = be or reference, extra

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of tests that can notice its filters. A filter of everything is noticed by all."""
        if self.words or self.after or self.code or self.program is not reference:
            return ("image", "dumper", "restorer")
        kinds = {"image": self.document, "dumper": self.image or self.extra, "restorer": self.source or self.document}
        return tuple(name for name, used in kinds.items() if used)

    def answer(self, words: list[str]) -> NoReturn:
        """Answer a command line, and exit."""
        words = self.words(words) if self.words else words
        command, given = (words or [""])[0], options(words)
        if command == "info" and self.info:
            code = self._filtered(words, self.info, None)
        elif command == "dump" and (self.image or self.extra):
            code = self._filtered([*words, *self.extra], lambda image: self._changed(image, given), given)
        elif command in ("restore", "validate") and (self.source or self.document):
            code = self._reading(words, given)
        else:
            code = self.program(words)
        if self.after:
            self.after(given, code)
        raise SystemExit(self.code(words, code) if self.code else code)

    def _changed(self, image: Json, given: Given) -> None:
        if self.image:
            self.image(image, given)

    def _filtered(self, words: list[str], change: Callable[[Json], None], given: Given | None) -> int:
        """Run with the output caught, change the document, write it where it was meant to go."""
        caught, kept = os.memfd_create("caught"), os.dup(1)
        if given is None:
            os.dup2(caught, 1)
        elif "output" in given:
            words = [word if word != given["output"] else f"/proc/self/fd/{caught}" for word in words]
        code = self.program(words)
        os.dup2(kept, 1)
        data = os.pread(caught, os.fstat(caught).st_size, 0)
        if code in (0, 3) and data:
            document = json.loads(data)
            change(document)
            code = exit_of(document) if given else code
            put(given["output"] if given else "-", (json.dumps(document) + "\n").encode("utf-8", "surrogatepass"))
        return code

    def _reading(self, words: list[str], given: Given) -> int:
        """Run with another image in place of the one that is given; as it is, where it can't be changed."""
        try:
            data = content(given["image"])
            if self.document:
                data = self.document(data)
            if self.source and words[0] == "restore":
                document = json.loads(data)
                self.source(document, given)
                data = json.dumps(document).encode()
        except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
            return self.program(words)
        file = os.memfd_create("image")
        os.write(file, data)
        return self.program([word if word != given["image"] else f"/proc/self/fd/{file}" for word in words])


class Mutant(Variant):
    """A wrong implementation.

    `breaks`: all the requirements that it is found to break. `fails`: tests that find it out, by their ids below
    conformance/, `*` stands for anything.
    """

    def __init__(self, breaks: tuple[str, ...], fails: tuple[str, ...], **filters: Any) -> None:
        self.only: tuple[str, ...] | None = filters.pop("classes", None)
        super().__init__(**filters)
        self.breaks, self.fails = breaks, fails

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that it declares, or by its filters."""
        return super().classes if self.only is None else self.only


class RightVariant(Variant):
    """It differs in what the specification leaves free: no test that it `meets` fails."""

    def __init__(self, meets: tuple[str, ...], **filters: Any) -> None:
        super().__init__(**filters)
        self.meets = meets


def member(family: dict[str, Mutant], kind: str, breaks: str, *fails: str, **filters: Any) -> Callable[[Any], Any]:
    """Decorates the filter of a kind that makes a mutant of a family, which is named after it."""

    def enter(function: Any) -> Any:
        family[function.__name__.replace("_", "-")] = Mutant(
            tuple(breaks.split()), fails, **{kind: function}, **filters
        )
        return function

    return enter


def exit_of(image: Json) -> int:
    """The exit status of a dump that wrote this image."""
    reached = ("located", "covered", "elsewhere")
    sources = every_source(image)
    return 0 if all(each["assurance"] == "proved" and each["state"] in reached for each in sources) else 3


def reference(words: list[str]) -> int:
    """Run the reference in this process; its exit code."""
    from ovsi.cli import main

    return int(main(words))


def options(words: list[str]) -> Given:
    """The options of a command, the last of each name."""
    return {word[2:]: value for word, value in zip(words, [*words[1:], ""], strict=True) if word.startswith("--")}


def content(path: str) -> bytes:
    """What a file holds, `-` standard input."""
    with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
        return file.read()


def load(given: Given) -> Json:
    """The image that is given."""
    document: Json = json.loads(content(given["image"]))
    return document


def put(path: str, data: bytes) -> None:
    """Write an output as the contract says."""
    if path == "-" or not (os.path.isfile(path) or not os.path.lexists(path)):
        with open(1 if path == "-" else path, "wb", closefd=path != "-") as file:
            file.write(data)
        return
    beside = f"{path}.{os.getpid()}"
    with open(beside, "wb") as file:
        file.write(data)
    os.rename(beside, path)


def refuse(category: str, code: str, message: str = "no") -> int:
    """Refuse by the contract."""
    error = {"category": category, "code": code, "message": message, "subject": "something"}
    print(json.dumps(error), file=sys.stderr)
    return 1


def overheard(words: list[str]) -> tuple[int, list[bytes]]:
    """Run the reference; its exit code, and the lines of standard error, which it did not get to write."""
    said, kept = os.memfd_create("said"), os.dup(2)
    os.dup2(said, 2)
    code = reference(words)
    os.dup2(kept, 2)
    return code, os.pread(said, os.fstat(said).st_size, 0).splitlines()


def say(lines: list[bytes]) -> None:
    """Write lines to standard error."""
    os.write(2, b"".join(line + b"\n" for line in lines))


# Parts of images


def every_source(document: Json) -> list[Json]:
    """All sources of all overlays, to be changed in place."""
    found = [source for overlay in document["overlays"] for source in overlay["layers"]]
    return found + [overlay["work"] for overlay in document["overlays"] if "work" in overlay]


def name(value: str | Json) -> str:
    """A name of an image as text, for paths."""
    from binascii import a2b_base64

    return value if isinstance(value, str) else os.fsdecode(a2b_base64(value["base64"]))


def place(document: Json, source: Json) -> str:
    """The path at which the image says that a source is."""
    where = source.get("location") or source["candidate"]
    mount = next(entry for entry in document["mounts"] if entry["id"] == where["mount"])
    return name(mount["mountPoint"]).rstrip("/") + name(where["path"])


def claims(*triples: str) -> Callable[[Json], None]:
    """A filter of `info` that claims these as well: "CLASS PROFILE VANTAGE"."""

    def add(document: Json) -> None:
        for triple in triples:
            claim = dict(zip(("class", "profile", "vantage"), triple.split(), strict=True))
            if claim not in document["claims"]:
                document["claims"].append(claim)

    return add


# The machine


def root(given: Given) -> str:
    """Where the root directory of the process that a command is about is seen, for paths to follow; none: here."""
    return f"/proc/{given['pid']}/root" if "pid" in given else ""


def identity_at(path: str) -> Json:
    """What an identity says of a directory: inode number and the kernel's handle."""
    import ctypes

    buffer, number = ctypes.create_string_buffer(b"\x80\0\0\0", 136), ctypes.c_int()
    ctypes.CDLL(None).name_to_handle_at(-100, os.fsencode(path), buffer, ctypes.byref(number), 0x400)
    size, kind = (int.from_bytes(buffer.raw[at : at + 4], "little") for at in (0, 4))
    handle = {"type": kind, "bytes": buffer.raw[8 : 8 + size].hex()}
    unknown = {"generation": None, "missing": {"generation": "not asked for"}}
    return {"inode": str(os.stat(path).st_ino), "handle": handle, **unknown}


def mounts(pid: str) -> list[tuple[list[str], list[str]]]:
    """Lines of mountinfo, naively: the fields before and after the dash."""
    with open(f"/proc/{pid}/mountinfo", errors="surrogateescape") as file:
        halves = (line.rstrip("\n").split(" - ", 1) for line in file if " - " in line)
        return [(before.split(" "), after.split(" ")) for before, after in halves]


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> bool:
    """mount(2), everything as it is; whether the kernel took it."""
    import ctypes

    arguments = [os.fsencode(text) or None for text in (source, target, kind)]
    return bool(ctypes.CDLL(None).mount(*arguments, ctypes.c_ulong(flags), os.fsencode(data) or None) == 0)


def unmount(target: str) -> None:
    """umount2(2), lazily."""
    import ctypes

    ctypes.CDLL(None).umount2(os.fsencode(target), 2)


def mount_overlay(target: str, options: str) -> bool:
    """An overlay by an option string, as it is."""
    return mount("overlay", target, "overlay", data=options)
