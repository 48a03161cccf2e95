"""What this machine lets the suite do. Probed by trying, never by comparing versions."""

import os
import shutil
from collections.abc import Callable
from functools import cache

from . import disks, probes
from .agent import Surroundings, World
from .sandbox import Sandbox, SandboxError, real_root, why_no_sandbox
from .stack import Vantage


def surroundings(vantage: Vantage, owner: str = "vantage") -> Surroundings:
    """The sandbox for a vantage: with a user namespace of its own, but not where real root looks from outside."""
    return Surroundings(
        user_namespace=vantage is Vantage.INSIDE or owner == "user namespace", pid_namespace=_own_processes()
    )


@cache
def _own_processes() -> bool:
    """Whether a sandbox may have a /proc of its own (not below a masked one, as in some containers)."""
    return why_no_sandbox(Surroundings(user_namespace=True, pid_namespace=True)) is None


@cache
def why_not(vantage: Vantage) -> str | None:
    """Why a vantage can't be taken here; None where it can."""
    if vantage is Vantage.OUTSIDE and not real_root():
        return "the outside vantage needs real root in the initial user namespace"
    return why_no_sandbox(surroundings(vantage))


_PROBES: dict[str, tuple[str, Callable[[World], None]]] = {
    "user-xattrs": ("user xattrs on tmpfs (Linux 6.6)", probes.user_xattrs),
    "tmpfs-uuid": ("a tmpfs that tells its UUID (Linux 6.9)", probes.tmpfs_uuid),
    "append": ("fsconfig lowerdir+= (Linux 6.8)", probes.append),
    "descriptor": ("fsconfig layers by descriptor (Linux 6.13)", probes.descriptor),
    "idmap": ("ID-mapped mounts of tmpfs (Linux 6.3)", probes.id_mapped),
    "data-only": ("data-only layers (Linux 6.5)", probes.data_only),
    "data-only-for-users": ("data-only layers in a user namespace (Linux 6.16)", probes.data_only_for_users),
    "datadir": ("fsconfig datadir+= (Linux 6.8)", probes.datadir),
    "volatile": ("volatile overlays (Linux 5.10)", probes.volatile),
}
_DISKS = {kind: f"{kind} on a loop device ({tool})" for kind, tool in disks.TOOLS.items()}
_AS_ROOT = frozenset({"data-only"})
"""Abilities that are had by real root only, so are probed there."""


@cache
def lacking(name: str) -> str | None:
    """What is missing of the ability `name`; None where it is there."""
    if name in _DISKS:
        return _lacking_disk(name)
    text, probe = _PROBES[name]
    try:
        with Sandbox(surroundings(Vantage.OUTSIDE if name in _AS_ROOT else Vantage.INSIDE)) as sandbox:
            sandbox.do(probe)
            return None
    except SandboxError as error:
        return f"{text}: {str(error).splitlines()[0]}"


def _lacking_disk(kind: str) -> str | None:
    """A file system of this kind needs its tool, a loop device, real root and a kernel that has it."""
    if not real_root():
        return f"{_DISKS[kind]}: needs real root in the initial user namespace"
    if shutil.which(disks.TOOLS[kind]) is None:
        return f"{_DISKS[kind]}: {disks.TOOLS[kind]} is not installed"
    try:
        with Sandbox(surroundings(Vantage.OUTSIDE)) as sandbox:
            sandbox.do(probes.disk, kind)
            return None
    except SandboxError as error:
        return f"{_DISKS[kind]}: {str(error).splitlines()[0]}"


@cache
def introspection() -> bool:
    """Whether kernel structures can be read here by those who may: BTF, bpf(2), no confidentiality lockdown."""
    if not real_root() or not os.path.exists("/sys/kernel/btf/vmlinux"):
        return False
    try:
        with open("/sys/kernel/security/lockdown") as file:
            return "[confidentiality]" not in file.read()
    except OSError:
        return True


def table() -> dict[str, str | None]:
    """Every ability: what is missing of it, or None."""
    found = {f"vantage-{vantage.value}": why_not(vantage) for vantage in Vantage}
    found |= {name: lacking(name) for name in (*_PROBES, *_DISKS)} if found["vantage-inside"] is None else {}
    return found | {"introspection": None if introspection() else "needs real root, BTF and bpf(2)"}
