"""Where this kernel has what the shapes want, looked up when it is first asked for."""

from __future__ import annotations

import os

from .btf import Btf, BtfError, open_btf
from .errors import IntrospectionUnavailable
from .relocation import relocated
from .shape import View, beside, fitting, resolve
from .shapes import Overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .relocation import Relocated
    from .shape import Row

_BTF = b"/sys/kernel/btf/"


class Layout:
    """The views of this kernel, each looked up when it is first asked for; `close` it when done.

    The kernel's loader tells them, else they are read from its BTF file: `by_loader` is whether to ask it at all.
    """

    by_loader = True

    def __init__(self) -> None:
        """Raises IntrospectionUnavailable where the kernel has no BTF that can be read."""
        self._views: dict[type[Any], View[Any]] = {}
        self._lacking: dict[type[Any], IntrospectionUnavailable] = {}
        self._relocated: dict[type[Any], Relocated] = {}
        self._asked: set[str] = set()  # modules of shapes
        self._enums: dict[bytes, dict[bytes, int]] = {}
        self._modules: dict[bytes, Btf | None] = {}
        self.btf_fd = -1
        try:
            self._kernel, self.btf_fd = open_btf(_BTF + b"vmlinux")
        except OSError as failure:
            raise IntrospectionUnavailable("btf", f"{os.fsdecode(_BTF)}vmlinux: {failure.strerror}") from failure
        except BtfError as failure:
            raise IntrospectionUnavailable("btf", f"{os.fsdecode(_BTF)}vmlinux: {failure}") from failure

    def close(self) -> None:
        """Lets go of the files; views already asked for stay true."""
        if self.btf_fd >= 0:
            os.close(self.btf_fd)
            self.btf_fd = -1
            for btf in (self._kernel, *self._modules.values()):
                if btf is not None:
                    btf.close()

    def __getitem__(self, shape: type[Row]) -> View[Row]:
        """Where a shape is in this kernel itself. Raises IntrospectionUnavailable."""
        return self._view(shape, b"")

    def of_module(self, shape: type[Row], module: bytes) -> View[Row]:
        """Where a shape is in the kernel or a module of it. Raises IntrospectionUnavailable."""
        return self._view(shape, module)

    def has(self, shape: type[Any]) -> bool:
        """Whether this kernel has the structure with all that is wanted of it."""
        try:
            self._view(shape, b"")
        except IntrospectionUnavailable:
            return False
        return True

    def enumerators(self, name: bytes, module: bytes) -> dict[bytes, int]:
        """The enum in which a name is, by the kernel's or the module's BTF; empty where none has it."""
        if name not in self._enums:
            try:
                found = (btf.enumerators(name) for btf in self._sources(module))
                self._enums[name] = next(filter(None, found), {})
            except BtfError as failure:
                raise IntrospectionUnavailable("btf", str(failure)) from failure
        return self._enums[name]

    @property
    def overlay_view(self) -> View[Overlay]:
        """struct ovl_fs, which may be a module's."""
        return self._view(Overlay, b"overlay")

    def _view(self, shape: type[Row], module: bytes) -> View[Row]:
        view = self._views.get(shape)
        if view is None:
            if shape in self._lacking:
                raise self._lacking[shape]
            try:
                view = self._views[shape] = (
                    self._as_loaded(shape) or self._apart(shape, module) or resolve(shape, self._sources(module))
                )
            except IntrospectionUnavailable as lacking:
                self._lacking[shape] = reason = self._untold(shape, module) or lacking
                raise reason from None
            except BtfError as failure:
                raise IntrospectionUnavailable("btf", str(failure)) from failure
        return view

    def _untold(self, shape: type[Row], module: bytes) -> IntrospectionUnavailable | None:
        """The reason where a structure is in no BTF because a module comes without; else None."""
        if self._modules.get(module, self._kernel) is not None or any(self._kernel.structs(shape.structure)):
            return None
        name, path = shape.structure.decode(), os.fsdecode(_BTF + module)
        return IntrospectionUnavailable("btf", f"no BTF tells struct {name}: not vmlinux, and {path} is missing")

    def _as_loaded(self, shape: type[Row]) -> View[Row] | None:
        """The view by the kernel's loader, None where it does not tell one."""
        if self.by_loader and shape.__module__ not in self._asked:
            self._asked.add(shape.__module__)
            try:
                self._relocated |= relocated([one for one in beside(shape) if not one.apart])
            except OSError:  # the kernel's loader does not relocate, or a name means several things
                self.by_loader = False
        found = self._relocated.get(shape)
        return None if found is None else fitting(shape, found)

    def _apart(self, shape: type[Row], module: bytes) -> View[Row] | None:
        """The view of a shape that the kernel's loader is not asked for, None where it can't be told so."""
        for btf in self._sources(module) if shape.apart and self.by_loader else ():
            if found := btf.likely_struct(shape.structure):
                return fitting(shape, found)
        return None

    def _sources(self, module: bytes) -> tuple[Btf, ...]:
        if not module:
            return (self._kernel,)
        if module not in self._modules:
            try:
                self._modules[module], fd = open_btf(_BTF + module, self._kernel)
                os.close(fd)
            except FileNotFoundError:  # built in, or not loaded
                self._modules[module] = None
            except OSError as failure:
                raise IntrospectionUnavailable("btf", f"{os.fsdecode(_BTF + module)}: {failure.strerror}") from failure
        of_module = self._modules[module]
        return (self._kernel,) if of_module is None else (of_module, self._kernel)
