"""No trace: sources, mounts and processes are the same before and after a dump; nothing is left."""

from collections.abc import Iterator

from ..observation import Dumped, Observation
from ..snapshot import differences, mount_differences
from ..verdict import Finding

IDS = ("OVSI-DUMP-009", "OVSI-DUMP-010", "OVSI-DUMP-011", "OVSI-CLI-015", "OVSI-CLI-016")


def judge(seen: Observation) -> Iterator[Finding]:
    for label, before in seen.before.sources.items():
        for line in differences(before, seen.after.sources[label]):
            yield Finding("OVSI-DUMP-009", label, "unchanged", line)
    for line in mount_differences(seen.before.mounts, seen.after.mounts):
        yield Finding("OVSI-DUMP-010", "mount table", "unchanged", line)
    devices = {source.device for source in seen.truth.everything} | {seen.truth.target.device}
    for mount in seen.own_after:
        if mount.device in devices and mount not in seen.own_before:
            yield Finding("OVSI-DUMP-010", "the caller's mount table", "no new mount", str(mount))
    for name, state in seen.before.processes.items():
        if seen.after.processes[name] != state:
            yield Finding("OVSI-DUMP-011", f"process {name}", str(state), str(seen.after.processes[name]))
    for dumped in (seen.first, seen.second):
        yield from left(dumped)


def left(dumped: Dumped) -> Iterator[Finding]:
    if dumped.beside:
        yield Finding("OVSI-CLI-015", "beside the output", "no other file", str(dumped.beside))
    if dumped.processes > 0 or dumped.answer.ran.lingering:
        yield Finding("OVSI-CLI-016", "processes", "none left", "a process is still running")
