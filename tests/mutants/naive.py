"""The naive way: believe the option strings, keep them, mount them again. A whole implementation in a page."""

import json
import os
import subprocess
from pathlib import Path

from .mutant import Json, Mutant, mounts, options

CLAIMS = [
    {"class": kind, "profile": profile, "vantage": vantage}
    for kind in ("dumper", "restorer")
    for profile in ("core", "relative", "escaping", "deep", "userns")
    for vantage in ("inside", "outside")
]


class Image:
    """The document under way: its tables fill as sources are met."""

    def __init__(self, pid: str) -> None:
        self.root, self.table = f"/proc/{pid}/root", mounts(pid)
        self.filesystems: list[Json] = []
        self.mounts: list[Json] = []

    def mount(self, fields: list[str], kind: str) -> Json:
        """The entry of a mount, and of its file system."""
        filesystem = "fs" + fields[2].replace(":", "-")
        if all(known["id"] != filesystem for known in self.filesystems):
            self.filesystems.append({"id": filesystem, "type": kind, "device": fields[2], "stability": "boot"})
        found = [known for known in self.mounts if known["mountId"] == int(fields[0])]
        if not found:
            entry: Json = {
                "id": f"m{fields[0]}",
                "filesystem": filesystem,
                "mountId": int(fields[0]),
                "root": fields[3],
            }
            self.mounts.append(entry | {"mountPoint": fields[4], "attributes": fields[5].split(",")})
        return (found or self.mounts[-1:])[0]

    def source(self, name: str) -> Json:
        """Where a name leads is taken for the source."""
        path = os.path.normpath(os.path.join("/", name))
        above = [mount for mount in self.table if (path + "/").startswith(mount[0][4].rstrip("/") + "/")]
        fields, (kind, *_) = max(above, key=lambda mount: len(mount[0][4]))
        if not os.path.isdir(self.root + path):
            unknown = {"state": "unknown", "assurance": "none", "reason": "there is no such directory"}
            return {"declared": name, "idmap": None, "missing": {"idmap": "not shown"}} | unknown
        mount, below = self.mount(fields, kind), path[len(fields[4].rstrip("/")) :] or "/"
        return {
            "declared": name,
            "identity": {"filesystem": mount["filesystem"], "inode": str(os.stat(self.root + path).st_ino)},
            "path": fields[3].rstrip("/") + below,
            "state": "located",
            "assurance": "proved",
            "method": "option-string",
            "location": {"mount": mount["id"], "path": below},
        }


def dump(pid: str, mountpoint: str, output: str) -> None:
    image = Image(pid)
    fields, (kind, _, shown) = next(mount for mount in image.table if mount[0][4] == mountpoint)
    words = [word.partition("=")[::2] for word in shown.split(",")]
    named = dict(words)
    lowers = named.get("lowerdir", "").split(":") if "lowerdir" in named else [v for n, v in words if n == "lowerdir+"]
    mount = image.mount(fields, kind)
    layers = [{"role": "upper", **image.source(named["upperdir"])}] if "upperdir" in named else []
    layers += [{"role": "lower", **image.source(name)} for name in lowers]
    overlay = {
        "id": "o",
        "filesystem": mount["filesystem"],
        "mounts": [mount["id"]],
        "options": [],
        "superblockFlags": [name for name in named if name in ("rw", "ro")],
        "shownOptions": shown,
        "layers": layers,
        **({"work": image.source(named["workdir"])} if "workdir" in named else {}),
    }
    host = {"kernelRelease": os.uname().release, "bootId": Path("/proc/sys/kernel/random/boot_id").read_text().strip()}
    document = {"format": "overlay-source-image", "version": "1.0", "host": host}
    tables = {"filesystems": image.filesystems, "mounts": image.mounts, "overlays": [overlay]}
    Path(output).write_text(json.dumps(document | tables))


def restore(image: str, target: str) -> None:
    """The option string, as it was, into mount(8)."""
    overlay = json.loads(Path(image).read_text())["overlays"][0]
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", overlay["shownOptions"], target], check=True)


def be(words: list[str]) -> int:
    given = options(words)
    if words[0] == "info":
        name = {"implementation": {"name": "naive", "version": "1"}, "specifications": ["1.0"]}
        print(json.dumps(name | {"claims": CLAIMS}))
    elif words[0] == "dump":
        dump(given["pid"], given["mountpoint"], given["output"])
    elif words[0] == "restore":
        restore(given["image"], given["target"])
    return 0


MUTANT = Mutant(
    breaks=(
        "OVSI-CLI-004",
        *(
            "OVSI-DUMP-002",
            "OVSI-DUMP-003",
            "OVSI-DUMP-004",
            "OVSI-DUMP-005",
            "OVSI-DUMP-022",
            "OVSI-DUMP-007",
            "OVSI-DUMP-016",
            "OVSI-DUMP-028",
            "OVSI-ID-001",
        ),
        *("OVSI-REST-001", "OVSI-REST-016", "OVSI-REST-017", "OVSI-REST-028"),
    ),
    fails=(
        "test_restorer.py::test_target[missing-inside]",
        "test_dumper.py::test_sound[core-one-lower-inside]",
        "test_dumper.py::test_faithful[core-one-lower-inside]",
        "test_restorer.py::test_exact[core-one-lower-inside]",
        "test_dumper.py::test_sound[core-covered-by-twin-inside]",
        "test_dumper.py::test_sound[relative-short-names-inside]",
        "test_restorer.py::test_exact[relative-short-names-inside]",
        "test_restorer.py::test_covered[core-covered-by-twin-inside]",
    ),
    be=be,
)
