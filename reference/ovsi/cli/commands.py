"""The subcommands and their options, one table: the parser, the help and the documentation are made from it."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Option(Record):
    """An option `--name METAVAR`; without a metavar it is a switch. `parse` raises ValueError(what the word is not).

    `words`: those that it takes, where they are few.
    """

    name: str
    metavar: str
    meaning: str
    parse: Callable[[bytes], Any] = bytes
    required: bool = False
    many: bool = False
    words: Callable[[], tuple[str, ...]] | None = None


class Command(Record):
    """A subcommand; `module` of this package has `run(arguments) -> exit code`.

    `operand`: the one word without an option, if it takes one. `one_of`: names of which exactly one must be given.
    `needs`: an option that makes sense beside another only.
    """

    name: str
    summary: str
    module: str
    options: tuple[Option, ...] = ()
    operand: Option | None = None
    one_of: tuple[str, ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    notes: str = ""
    examples: tuple[tuple[str, str], ...] = ()


def process_id(word: bytes) -> int:
    """A process ID."""
    if not word.isdigit() or len(word) > 20 or not int(word):
        raise ValueError("a process ID")
    return int(word)


def mount_id(word: bytes) -> tuple[bool, int]:
    """Whether it is a unique ID, and the ID: `N` as mountinfo shows it, or `unique:N`."""
    unique, _, digits = word.rpartition(b":")
    if unique not in (b"", b"unique") or word.startswith(b":") or not digits.isdigit() or len(digits) > 20:
        raise ValueError("a mount ID `N` or `unique:N`")
    return unique == b"unique", int(digits)


def path(word: bytes) -> bytes:
    """A path; any bytes but none at all."""
    if not word:
        raise ValueError("a path")
    return word


def _deviations() -> tuple[str, ...]:
    from .registries import accepted_words

    return accepted_words()


def _rungs() -> tuple[str, ...]:
    from ..dump import RUNGS

    return tuple(RUNGS)


def acceptable(word: bytes) -> str:
    """A registered deviation."""
    known = _deviations()
    if word.decode("ascii", "replace") not in known:
        raise ValueError(f"one of {', '.join(known)}")
    return word.decode()


def rungs(word: bytes) -> tuple[str, ...]:
    """Names of rungs with commas between."""
    names, known = tuple(word.decode("ascii", "replace").split(",")), _rungs()
    if not set(names) <= set(known):
        raise ValueError(f"a list of {', '.join(known)}")
    return names


def _id(word: bytes) -> str:
    """An id of the image."""
    if not word:
        raise ValueError("an id")
    return word.decode("utf-8", "backslashreplace")


_IMAGE = Option("image", "FILE", "the image; `-` is standard input", path, required=True)
_WITHOUT = Option(
    "without", "RUNG[,RUNG]...", "leave out these ways of finding sources", rungs, many=True, words=_rungs
)
_PID = Option("pid", "PID", "a process in that mount namespace (default: this one)", process_id)
_MOUNT_ID = Option("mount-id", "ID", "the overlay with this mount ID, as mountinfo shows it, or `unique:N`", mount_id)

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command(
            "show",
            "show which directories an overlay is made of",
            "show",
            (
                _PID,
                _MOUNT_ID,
                Option("explain", "", "say what each way of finding sources told, and why that was believed or not"),
                _WITHOUT,
                Option("json", "", "print the image instead of the table"),
            ),
            operand=Option(
                "MOUNTPOINT|FILE", "", "where an overlay is mounted, or an image file (`-`: standard input)", path
            ),
            notes="Give MOUNTPOINT, FILE or --mount-id.",
            examples=(
                ("ovsi show /mnt", "the overlay mounted there"),
                ("ovsi show --pid 4711 /", "the root of a container, as process 4711 sees it"),
                ("ovsi show --explain /mnt", "why the sources are said to be these"),
                ("ovsi show stack.json", "what an image says"),
            ),
        ),
        Command(
            "sources",
            "list what overlays are made of, a line a source",
            "sources",
            (
                _PID,
                _MOUNT_ID,
                Option("all-namespaces", "", "every overlay of the system, those that are mounted nowhere too"),
                _WITHOUT,
                Option("json", "", "for programs"),
            ),
            operand=Option("MOUNTPOINT", "", "where an overlay is mounted", path),
            notes="Give MOUNTPOINT, --mount-id or --all-namespaces. Device and handle are what finds the directory on "
            "this running kernel (open_by_handle_at(2)). Exit 3: listed, and a source is not proved or not reachable.",
            examples=(
                ("ovsi sources /mnt", "the overlay mounted there"),
                ("ovsi sources --all-namespaces --json", "what all containers of this machine are made of"),
            ),
        ),
        Command(
            "dump",
            "write an image of an overlay, or of all of a mount namespace",
            "dump",
            (
                _PID,
                Option("mountpoint", "PATH", "the topmost mount at this path below that process's root", path),
                _MOUNT_ID,
                Option("all", "", "every overlay of the mount namespace"),
                Option("output", "FILE", "where to write; `-` is standard output", path, required=True),
                _WITHOUT,
            ),
            one_of=("mountpoint", "mount-id", "all"),
            notes="Exit 0: every source is proved and reachable. Exit 3: written, and the image says what falls short.",
            examples=(
                ("ovsi dump --mountpoint /mnt --output stack.json", "an overlay of this mount namespace"),
                ("ovsi dump --pid 4711 --all --output - | less", "all that a container has"),
            ),
        ),
        Command(
            "restore",
            "build the mounts that an image describes, or refuse",
            "restore",
            (
                _IMAGE,
                Option("overlay", "ID", "which one, where the image holds several", _id),
                Option("target", "DIR", "the directory to mount it at", path),
                Option("all", "", "all overlays"),
                Option("root", "DIR", "below which to mount all", path),
                Option("pid", "PID", "into the mount namespace of this process (default: this one)", process_id),
                Option("map", "FS[:/SUB]=DIR", "where that file system, or SUB of it, is now", path, many=True),
                Option("accept", "WHAT", "a deviation to put up with", acceptable, many=True, words=_deviations),
                Option("result", "FILE", "write what was done, as JSON; `-` is standard output", path),
                Option("mount-devices", "", "mount, where no one sees it, the device of a file system mounted nowhere"),
                Option("dry-run", "", "print the plan and mount nothing"),
                Option("json", "", "print the plan for programs"),
            ),
            one_of=("target", "all"),
            needs=(("overlay", "target"), ("root", "all"), ("all", "root"), ("json", "dry-run")),
            notes="--all goes with --root, --overlay with --target, --json with --dry-run. Mounting a device may write "
            "to it: its journal is replayed. Exit 0: mounted. Exit 1: nothing is mounted, and the last line of "
            "standard error says why, as JSON.",
            examples=(
                ("ovsi restore --image stack.json --target /mnt", "the one overlay of the image"),
                ("ovsi restore --image stack.json --target /mnt --map fs1=/new/disk", "its layers have moved"),
                ("ovsi restore --image stack.json --target /mnt --dry-run", "what it would do"),
            ),
        ),
        Command(
            "validate",
            "say whether a file is a valid image",
            "validate",
            (_IMAGE,),
            examples=(("ovsi validate --image stack.json", "exit 0 where it is"),),
        ),
        Command("info", "print what this program claims to do, as JSON", "info"),
    )
}
