"""A small restorer that trusts its image: the hostile kernel is tried on it, and on its deliberate defects.

It knows one overlay, one way of layer setup and no checks; it is no restorer for anyone. EXAMPLE_DEFECT names a defect:
`early` attaches the mount before its attributes are set; `temporary` puts the stack together at a visible mount first;
`file` writes a note beside the image while it works; `orphan` leaves a process behind where a call fails; `liar` says
success whatever happens; `crash` lets errors end in a traceback; `result` writes the result file in place; `undo` keeps
the mount where the result can't be published.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import sys
from typing import Any

from .system import LIBC, MNT_DETACH, checked

_FSOPEN, _FSCONFIG, _FSMOUNT, _MOVE_MOUNT, _SETATTR = 430, 431, 432, 429, 442
_FLAG, _STRING, _CREATE = 0, 1, 6
_EMPTY_PATH, _HERE = 0x1000, -100
_WORDS = {"nosuid": 2, "nodev": 4, "noatime": 0x10, "ro": 1}
_SHARED, _PRIVATE = 1 << 20, 1 << 18


def main() -> int:
    """`restore` and its options, of which it knows --image, --target and --result."""
    defect = os.environ.get("EXAMPLE_DEFECT", "")
    words = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=False))
    if defect == "crash":
        _restore(words, defect)
        return 0
    try:
        _restore(words, defect)
    except OSError as failure:
        if defect == "orphan" and os.fork() == 0:
            signal.pause()
        if defect == "liar":
            return 0
        error = {"category": "system", "code": "system-call", "message": str(failure), "subject": words["--target"]}
        _write(2, json.dumps(error))
        return 1
    return 0


def _restore(words: dict[str, str], defect: str) -> None:
    with open(words["--image"]) as file:
        image = json.load(file)
    if defect == "file":
        with open(words["--image"] + ".lock", "w") as note:
            note.write("busy")
    result = os.open(os.path.dirname(words["--result"]), os.O_TMPFILE | os.O_WRONLY, 0o644)
    if defect != "result":
        _write(result, _done(words["--target"]))
    target = os.open(words["--target"], os.O_PATH | os.O_DIRECTORY)
    mount = _build(image["overlays"][0])
    if defect == "temporary":
        _attach(mount, os.open(os.path.dirname(words["--target"]), os.O_PATH))
    if defect == "early":
        _attach(mount, target)
    _set_attributes(mount, image["mounts"][0])
    if defect != "early":
        _attach(mount, target)
    if defect == "file":
        os.unlink(words["--image"] + ".lock")
    _publish(result, words, defect)


def _build(overlay: dict[str, Any]) -> int:
    context = _call("fsopen", _FSOPEN, b"overlay", 1)
    for option in overlay["options"]:
        value = option["value"]
        _set(context, option["name"], value)
    for layer in overlay["layers"]:
        _set(context, "upperdir" if layer["role"] == "upper" else "lowerdir+", layer["declared"])
    _set(context, "workdir", overlay["work"]["declared"])
    _call("create", _FSCONFIG, context, _CREATE, None, None, 0)
    mount = _call("fsmount", _FSMOUNT, context, 1, 0)
    os.close(context)
    return mount


def _set(context: int, name: str, value: str | None) -> None:
    kind = _FLAG if value is None else _STRING
    _call(f"fsconfig {name}", _FSCONFIG, context, kind, name.encode(), value.encode() if value is not None else None, 0)


def _set_attributes(mount: int, wanted: dict[str, Any]) -> None:
    flags = sum(_WORDS.get(word, 0) for word in wanted["attributes"])
    propagation = _SHARED if wanted["propagation"] else _PRIVATE
    attributes = struct.pack("=4Q", flags, 0x70 if "noatime" in wanted["attributes"] else 0, propagation, 0)
    _call("mount_setattr", _SETATTR, mount, b"", _EMPTY_PATH, attributes, len(attributes))


def _attach(mount: int, target: int) -> None:
    _call("move_mount", _MOVE_MOUNT, mount, b"", target, b"", 0x04 | 0x40)


def _publish(result: int, words: dict[str, str], defect: str) -> None:
    """Where there is to be a result and can be none, the mount is undone: exit 1 means that nothing is mounted."""
    try:
        if defect == "result":
            with open(words["--result"], "w", buffering=20) as file:
                file.write(_done(words["--target"]))
        else:
            os.link(f"/proc/self/fd/{result}", words["--result"], src_dir_fd=result, follow_symlinks=True)
    except OSError as failure:
        _write(2, f"the result could not be written: {failure}")
        if defect != "undo":
            LIBC.umount2(words["--target"].encode(), MNT_DETACH)
        raise


def _done(target: str) -> str:
    overlays = [{"id": "o0", "mountPoint": target, "setup": "append"}]
    return json.dumps({"format": "overlay-source-result", "version": "1.0", "overlays": overlays, "accepted": []})


def _write(fd: int, text: str) -> None:
    rest = text.encode() + b"\n"
    while rest:
        rest = rest[os.write(fd, rest) :]


def _call(name: str, number: int, *arguments: int | bytes | None) -> int:
    """A system call by its number, which is the same on every architecture for these."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return checked(LIBC.syscall(ctypes.c_long(number), *words), name)


if __name__ == "__main__":
    sys.exit(main())
