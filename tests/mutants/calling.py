"""Programs that do not keep to the command line: exits, files, selectors, claims."""

import json
import os
import time

from .mutant import Given, Json, Mutant, content, load, member, mounts, options, overheard, put, reference, say

MUTANTS: dict[str, Mutant] = {}
COMMAND = "test_command_line.py::test_"
DUMPER = ("dumper",)


def caught(words: list[str]) -> tuple[int, bytes]:
    """A dump of the reference, and what it would have written."""
    file = os.memfd_create("caught")
    given = options(words)
    code = reference([word if word != given.get("output") else f"/proc/self/fd/{file}" for word in words])
    return code, os.pread(file, os.fstat(file).st_size, 0)


# Exits


@member(MUTANTS, "code", "OVSI-CLI-007", "test_dumper.py::test_answer[core-one-lower-outside]", classes=DUMPER)
def never_sure(words: list[str], code: int) -> int:
    return 3 if words[:1] == ["dump"] and code == 0 else code


@member(MUTANTS, "code", "OVSI-CLI-008", "test_dumper.py::test_answer[core-one-lower-inside]", classes=DUMPER)
def what_is_written_is_done(words: list[str], code: int) -> int:
    return 0 if code == 3 else code


@member(MUTANTS, "code", "OVSI-CLI-006", f"{COMMAND}dump_called_wrongly[two selectors-inside]", classes=DUMPER)
def last_selector_counts(words: list[str], code: int) -> int:
    return 0 if code == 2 and "--all" in words else code


@member(MUTANTS, "be", "OVSI-CLI-002", f"{COMMAND}no_such_subcommand", classes=("info",))
def helps(words: list[str]) -> int:
    """Tells how it is used wherever it does not understand, and is content."""
    if words[:1] in (["info"], ["validate"], ["dump"], ["restore"]):
        return reference(words)
    print("usage: [info|validate|dump|restore] …")
    return 0


@member(
    MUTANTS,
    "be",
    "OVSI-CLI-004 OVSI-SEC-004",
    "test_image.py::test_vector[invalid/cut-short]",
    f"{COMMAND}no_such_subcommand",
    f"{COMMAND}no_image_file[missing-not-found]",
    "test_restorer.py::test_target[missing-inside]",
)
def last_words(words: list[str]) -> int:
    """Has something to say after the error object."""
    code, lines = overheard(words)
    say([*lines, *([b"See the manual."] if code == 1 else [])])
    return code


@member(
    MUTANTS,
    "be",
    "OVSI-CLI-005",
    f"{COMMAND}no_image_file[missing-not-found]",
    "test_restorer.py::test_target[missing-inside]",
    classes=("restorer",),
)
def all_is_the_system(words: list[str]) -> int:
    """Has one category for what it did not expect."""
    code, lines = overheard(words)
    if code == 1:
        error = json.loads(lines[-1])
        unexpected = error["category"] in ("not-found", "target")
        error |= {"category": "system", "code": "system-call"} if unexpected else {}
        lines[-1] = json.dumps(error).encode()
    say(lines)
    return code


# Files


@member(MUTANTS, "be", "OVSI-CLI-009", f"{COMMAND}nothing_of_that_name[overlay-inside]", classes=DUMPER)
def makes_room_first(words: list[str]) -> int:
    """Empties the output before it begins."""
    path = options(words).get("output", "-")
    if words[:1] == ["dump"] and os.path.isfile(path):
        os.truncate(path, 0)
    return reference(words)


@member(MUTANTS, "be", "OVSI-CLI-010", f"{COMMAND}output_is_replaced_by_rename[inside]", classes=DUMPER)
def writes_into_the_old_file(words: list[str]) -> int:
    path = options(words).get("output", "-")
    if words[:1] != ["dump"] or not os.path.isfile(path):
        return reference(words)
    code, data = caught(words)
    if code in (0, 3):
        with open(path, "wb") as file:
            file.write(data)
    return code


@member(MUTANTS, "be", "OVSI-CLI-011", f"{COMMAND}output_is_a_pipe[inside]", classes=DUMPER)
def replaces_anything(words: list[str]) -> int:
    """A pipe has a name as well."""
    path = options(words).get("output", "-")
    if words[:1] != ["dump"] or path == "-" or os.path.isdir(path) or path.startswith("/proc/"):
        return reference(words)
    code, data = caught(words)
    if code in (0, 3):
        put(f"{path}.new", data)
        os.rename(f"{path}.new", path)
    return code


@member(MUTANTS, "code", "OVSI-CLI-012", f"{COMMAND}output_is_a_directory[inside]", classes=DUMPER)
def a_directory_will_do(words: list[str], code: int) -> int:
    """Writes a file of its own choice into it."""
    return 3 if code == 1 and os.path.isdir(options(words).get("output", "")) else code


@member(MUTANTS, "be", "OVSI-CLI-013", f"{COMMAND}standard_output[inside]", classes=DUMPER)
def wants_a_name(words: list[str]) -> int:
    """Knows no `-`."""
    return 2 if options(words).get("output") == "-" else reference(words)


@member(MUTANTS, "be", "OVSI-CLI-014", f"{COMMAND}standard_output[inside]", classes=DUMPER)
def writes_as_it_goes(words: list[str]) -> int:
    code = reference(words)
    if code == 1 and options(words).get("output") == "-":
        print('{"format": "overlay-source-image", ')
    return code


@member(
    MUTANTS,
    "after",
    "OVSI-CLI-015",
    f"{COMMAND}output_is_replaced_by_rename[inside]",
    "*no_trace[core-one-lower-*]",
    classes=DUMPER,
)
def keeps_a_copy(given: Given, code: int) -> None:
    if os.path.isfile(given.get("output", "-")) and code in (0, 3):
        put(f"{given['output']}.bak", content(given["output"]))


@member(
    MUTANTS,
    "after",
    "OVSI-CLI-016",
    "*no_trace[core-one-lower-*]",
    "test_restorer.py::test_exact[core-one-lower-inside]",
    "test_restorer.py::test_target[missing-inside]",
    classes=(*DUMPER, "restorer"),
)
def stays_to_serve(given: Given, code: int) -> None:
    """Leaves a process behind that would answer the next question sooner."""
    if ("output" in given or "result" in given) and os.fork() == 0:
        time.sleep(60)  # it ends by itself where no sandbox ends it
        os._exit(0)


# Selectors


@member(MUTANTS, "words", "OVSI-CLI-017", f"{COMMAND}topmost_mount[inside]", classes=DUMPER)
def first_mount_there(words: list[str]) -> list[str]:
    """Takes the first line of mountinfo that has the name."""
    if words[:1] != ["dump"] or "--mountpoint" not in words:
        return words
    at, shown = words.index("--mountpoint"), os.fsencode(options(words)["mountpoint"])
    for letter in b"\\ \t\n":
        shown = shown.replace(bytes([letter]), b"\\%03o" % letter)
    numbers = [fields[0] for fields, _ in mounts(options(words)["pid"]) if os.fsencode(fields[4]) == shown]
    return [*words[:at], "--mount-id", numbers[0], *words[at + 2 :]] if numbers else words


@member(MUTANTS, "be", "OVSI-CLI-018", f"{COMMAND}by_mount_id[inside]", classes=DUMPER)
def one_kind_of_mount_id(words: list[str]) -> int:
    return 2 if any(word.startswith("unique:") for word in words) else reference(words)


@member(MUTANTS, "code", "OVSI-CLI-019 OVSI-CLI-009", f"{COMMAND}nothing_of_that_name[overlay-inside]", classes=DUMPER)
def nothing_is_an_empty_image(words: list[str], code: int) -> int:
    """Where there is no overlay there is none to describe: done."""
    if code == 1 and options(words).get("mountpoint") == "/store":
        put(options(words)["output"], b"{}")
        return 0
    return code


@member(
    MUTANTS,
    "be",
    "OVSI-CLI-020 OVSI-REST-024",
    "test_restorer.py::test_exact[core-one-lower-inside]",
    "test_restorer.py::test_target[missing-inside]",
    classes=("restorer",),
)
def wants_to_know_which(words: list[str]) -> int:
    """Of one."""
    restore = words[:1] == ["restore"] and not {"--overlay", "--all"} & set(words)
    return 2 if restore and os.path.isfile(options(words)["image"]) and load(options(words)) else reference(words)


# Claims


@member(MUTANTS, "be", "OVSI-CLI-001", f"{COMMAND}info", classes=("info",))
def says_it_in_words(words: list[str]) -> int:
    if words[:1] == ["info"]:
        print("a conforming implementation")
        return 0
    return reference(words)


@member(MUTANTS, "info", "OVSI-CONF-001", f"{COMMAND}claims_are_registered")
def claims_everything(info: Json) -> None:
    info["claims"].append({"class": "dumper", "profile": "everything", "vantage": "inside"})


@member(MUTANTS, "info", "OVSI-CONF-002", f"{COMMAND}same_claims[inside]", classes=DUMPER)
def claims_what_it_can_do_here(info: Json) -> None:
    with open("/proc/self/uid_map") as file:
        if "4294967295" not in file.read():
            info["claims"] = [claim for claim in info["claims"] if claim["vantage"] == "inside"]
