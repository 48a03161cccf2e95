"""What an image says of where it was made, and what holds for all overlays there."""

from __future__ import annotations

import os

from ..discover.options import defaults
from ..image import model
from ..linux.files import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..discover.vantage import Vantage

TRIES = 5
"""How often what changed while it was read is read anew."""
_PARAMETERS = b"/sys/module/overlay/parameters"


def module_defaults() -> dict[bytes, bytes]:
    """What options are that overlayfs does not show, as `ovsi.discover.options.defaults` has it."""
    return defaults(_module_parameters())


def _module_parameters() -> dict[bytes, bytes]:
    try:
        names = os.listdir(_PARAMETERS)
        return {name: read_file(_PARAMETERS + b"/" + name).strip() for name in names}
    except OSError:
        return {}  # no module parameters in this kernel, or no sysfs: then nothing is known of what is not shown


def host() -> model.Host:
    """The kernel that runs, and its boot."""
    boot_id = read_file(b"/proc/sys/kernel/random/boot_id").decode("ascii").strip()
    return model.Host(kernel_release=os.uname().release, boot_id=boot_id)


def namespace_of(vantage: Vantage) -> model.Namespace | None:
    """The mount namespace that is dumped; None where it may not be looked at."""
    inode = vantage.here.inode
    return None if inode is None else model.Namespace(inode=inode, unique_id=vantage.here.table.namespace_id)
