"""The options in effect, from struct ovl_config (fs/overlayfs/ovl_entry.h, params.c) to the names of mount(8).

Choices are numbers in the kernel; which number means what is read from the kernel's own enums.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import shapes
    from .layout import Layout

_FLAGS = ("default_permissions", "userxattr", "volatile", "index", "nfs_export", "metacopy")
_CHOICES = {  # the option and a name that its enum surely has
    "xino": b"OVL_XINO_OFF",
    "verity": b"OVL_VERITY_OFF",
    "fsync": b"OVL_FSYNC_AUTO",
    "uuid": b"OVL_UUID_OFF",
    "redirect_mode": b"OVL_REDIRECT_OFF",
}


class Options:
    """The options of overlays: most overlays have the same."""

    def __init__(self, layout: Layout) -> None:
        view = layout.overlay_view
        self._layout = layout
        members = (*_FLAGS, *_CHOICES, "redirect_dir", "redirect_follow")
        self._values = view.columns(*(name for name in members if name in view.sizes))
        self._known: dict[object, tuple[tuple[str, str], ...]] = {}

    def of(self, overlay: shapes.Overlay) -> tuple[tuple[str, str], ...]:
        """Names and values, "on" or "off" where mount(8) has a flag alone; sorted by name."""
        values = self._values(overlay)
        if values not in self._known:
            self._known[values] = _effective(self._layout, overlay)
        return self._known[values]


def _effective(layout: Layout, overlay: shapes.Overlay) -> tuple[tuple[str, str], ...]:
    options = {name: _flag(getattr(overlay, name)) for name in _FLAGS}
    for name in _CHOICES:
        options[name] = _choice(layout, overlay, name)
    redirect_mode = options.pop("redirect_mode")
    if overlay.redirect_follow is None:
        options["redirect_dir"] = redirect_mode
    elif overlay.redirect_dir:
        options["redirect_dir"] = "on"
    else:
        options["redirect_dir"] = "follow" if overlay.redirect_follow else "nofollow"
    return tuple(sorted((name, value) for name, value in options.items() if value is not None))


def _flag(value: int | None) -> str | None:
    return None if value is None else "on" if value else "off"


def _choice(layout: Layout, overlay: shapes.Overlay, name: str) -> str | None:
    value: int | None = getattr(overlay, name)
    size = layout.overlay_view.sizes.get(name)
    if size == 1:  # a bool: `uuid` before it had more than two values
        return "null" if value else "off"  # what was called `on` gives the overlay no UUID of its own
    if size != 4:  # absent
        return None
    anchor = _CHOICES[name]
    prefix = anchor[: anchor.rindex(b"_") + 1]
    for enumerator, number in layout.enumerators(anchor, b"overlay").items():
        if number == value and enumerator.startswith(prefix):
            return enumerator[len(prefix) :].lower().decode()
    return None
