"""Programs that put what they write elsewhere, or otherwise, than they should."""

import os
import time

from .calling import caught
from .mutant import Given, Mutant, content, member, options, put, reference, refuse

MUTANTS: dict[str, Mutant] = {}
COMMAND = "test_command_line.py::test_"
RENAME = f"{COMMAND}output_is_replaced_by_rename[*]"
NO_PLACE = "test_choices.py::test_no_place_for_the_result[a directory-*]"
DUMPER, RESTORER = ("dumper",), ("restorer",)


def _over(words: list[str], path: str, mode: int | None = None) -> int:
    """A dump, whose file takes the place of whatever has the name."""
    code, data = caught(words)
    if code in (0, 3):
        with open(f"{path}.new", "wb") as file:
            file.write(data)
        if mode is not None:
            os.chmod(f"{path}.new", mode)
        os.rename(f"{path}.new", path)
    return code


@member(MUTANTS, "be", "OVSI-CLI-010", RENAME, classes=DUMPER)
def replaces_the_link(words: list[str]) -> int:
    """And not the file that it leads to."""
    path = options(words).get("output", "-")
    return (
        _over(words, path)
        if words[:1] == ["dump"] and os.path.islink(path) and os.path.isfile(path)
        else reference(words)
    )


@member(MUTANTS, "be", "OVSI-CLI-010", RENAME, classes=DUMPER)
def for_its_owner_only(words: list[str]) -> int:
    """Whatever the file's permissions were."""
    path = os.path.realpath(options(words).get("output", "-"))
    return _over(words, path, 0o600) if words[:1] == ["dump"] and os.path.isfile(path) else reference(words)


@member(MUTANTS, "be", "OVSI-CLI-010", RENAME, classes=DUMPER)
def removes_then_writes(words: list[str]) -> int:
    """Who looks in between finds nothing, or half of it."""
    path = os.path.realpath(options(words).get("output", "-"))
    if words[:1] != ["dump"] or not os.path.isfile(path):
        return reference(words)
    mode = os.stat(path).st_mode & 0o777
    code, data = caught(words)
    if code in (0, 3):
        os.unlink(path)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
    return code


@member(MUTANTS, "after", "OVSI-CLI-015", f"{COMMAND}nothing_of_that_name[overlay-*]", classes=DUMPER)
def leaves_what_it_began(given: Given, code: int) -> None:
    """A dump that fails."""
    if code == 1 and "output" in given and os.path.isdir(os.path.dirname(given["output"])):
        put(f"{given['output']}.part", b"{")


@member(MUTANTS, "after", "OVSI-CLI-015", "test_restorer.py::test_exact[core-one-lower-*]", classes=RESTORER)
def keeps_the_last_result(given: Given, code: int) -> None:
    if code == 0 and os.path.isfile(given.get("result", "-")):
        put(f"{given['result']}~", content(given["result"]))


@member(MUTANTS, "after", "OVSI-CLI-016", "test_restorer.py::test_target[missing-*]", classes=RESTORER)
def tries_again_later(given: Given, code: int) -> None:
    """Where it had to refuse, in the background."""
    if code == 1 and "target" in given and os.fork() == 0:
        time.sleep(60)  # it ends by itself where no sandbox ends it
        os._exit(0)


@member(MUTANTS, "after", "OVSI-CLI-016", "test_restorer.py::test_exact[core-one-lower-*]", classes=RESTORER)
def goes_on_as_a_daemon(given: Given, code: int) -> None:
    """In a session of its own, so that nobody takes it along."""
    if code == 0 and "target" in given and os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)  # it ends by itself where no sandbox ends it
        os._exit(0)


@member(MUTANTS, "be", "OVSI-REST-021", NO_PLACE, classes=RESTORER)
def tells_when_it_is_too_late(words: list[str]) -> int:
    """Mounts, and then finds no place for the result."""
    path = options(words).get("result", "")
    if words[:1] != ["restore"] or not os.path.isdir(path):
        return reference(words)
    at = words.index("--result")
    code = reference([*words[:at], *words[at + 2 :]])
    return refuse("target", "output-not-a-file") if code == 0 else code


@member(MUTANTS, "be", "OVSI-CLI-013", "test_image.py::test_standard_input", classes=("image",))
def wants_a_file(words: list[str]) -> int:
    return refuse("not-found", "image-missing") if options(words).get("image") == "-" else reference(words)


@member(MUTANTS, "be", "OVSI-CLI-011", f"{COMMAND}standard_output[*]", classes=DUMPER)
def every_name_is_a_file(words: list[str]) -> int:
    """Can put no file in the place of a descriptor."""
    path = options(words).get("output", "-")
    return refuse("system", "system-call") if path.startswith("/proc/") else reference(words)


@member(MUTANTS, "be", "OVSI-CLI-018", f"{COMMAND}topmost_mount[*]", classes=DUMPER)
def topmost_where_that_mount_is(words: list[str]) -> int:
    """Takes a mount ID for the name of a mount point."""
    from .mutant import mounts

    if words[:1] == ["dump"] and options(words).get("mount-id", "x").isdigit():
        given = options(words)
        table = [fields for fields, _ in mounts(given["pid"])]
        point = next((fields[4] for fields in table if fields[0] == given["mount-id"]), None)
        here = [fields[0] for fields in table if fields[4] == point]
        if len(here) > 1:
            return reference([here[-1] if word == given["mount-id"] else word for word in words])
    return reference(words)


@member(MUTANTS, "be", "OVSI-CLI-017", f"{COMMAND}topmost_mount[*]", classes=DUMPER)
def one_spelling(words: list[str]) -> int:
    """Compares PATH with what mountinfo has."""
    path = options(words).get("mountpoint", "/")
    plain = path == "/" or (path.startswith("/") and not {"", "."} & set(path[1:].split("/")))
    return reference(words) if plain else refuse("not-found", "mount-missing")
