"""The start of the command. This package's modules are imported straight from where Python keeps them compiled.

The import system asks every place for every kind of module, and a dump imports sixty: half of the time that they take
is the asking (decision 0004). Here the place of a module follows from its name. What is not as it mostly is (no
compiled file, one that its source has outlived or that is checked otherwise) is left to the import system.
"""

import gc
import marshal
import sys
from _imp import _fix_co_filename, extension_suffixes  # type: ignore[attr-defined]  # which typeshed lacks
from os import O_CLOEXEC, O_RDONLY, _exit, close, read, stat
from os import open as open_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
    from importlib.util import MAGIC_NUMBER
    from types import CodeType, ModuleType
    from typing import Any
else:  # the same, without the package `importlib`
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import MAGIC_NUMBER, ExtensionFileLoader, SourceFileLoader

_PREFIX = f"{__package__}."
_HERE = __file__.rpartition("/")[0]
_HEADER = 16  # bytes: magic number, flags (0: checked by time and size), the source's time and size (PEP 552)
_KIND = MAGIC_NUMBER + bytes(4)
_ENDING = f".{sys.implementation.cache_tag}.pyc"
_WRITTEN_IN_C = ("_ctypes", "_socket", "mmap")
"""Modules that are mostly no part of the interpreter itself. The import system looks into three directories before."""
GROUPS = {
    f"{_PREFIX}discover.climb": "of_climb",
    f"{_PREFIX}introspect.introspector": "of_introspection",
}
"""Modules that many runs import with many others, and the file of all of them (distribution/at_once.py)."""
_MOST = 1 << 20  # bytes that are read at once: more than any compiled file here has


def run() -> None:
    """The whole life of the process `ovsi`."""
    gc.disable()  # short-lived, and many records
    if usual := isinstance(__spec__.loader, SourceFileLoader) and not sys.flags.optimize and sys.pycache_prefix is None:
        sys.meta_path.insert(0, Finder())
    from . import signals

    try:
        signals.catch()  # as early as can be: most of a short run is imports
        if usual and sys.argv[1:2] and sys.argv[1].isalpha():
            _make_at_once(sys.argv[1])
        from .cli import run as run_command

        run_command()
    except KeyboardInterrupt as interrupt:
        from .cli import report
        from .errors import Refusal

        report.refuse(Refusal("interrupted", str(interrupt) or "interrupted"))
        _exit(1)


def _make_at_once(which: str) -> None:
    """Make the modules that a command always needs, where the package was built with all of them in one file."""
    found = _compiled(f"{_HERE}/at_once/{which}.py")
    if found is None:
        return
    names: dict[str, Any] = {}
    exec(found[1], names)
    rows = [row for row in names["MODULES"] if row[0] not in sys.modules]
    for name, is_package, _code in rows:  # first, for a package may import what is in it, which needs the package
        sys.modules[name] = _bare_module(name, is_package)
    done = 0
    try:
        for name, _is_package, code in rows:
            module = sys.modules[name]
            exec(code, module.__dict__)
            parent, _, last = name.rpartition(".")
            setattr(sys.modules[parent], last, module)
            done += 1
    except BaseException:
        for name, _is_package, _code in rows[done:]:
            del sys.modules[name]
        raise


def _bare_module(name: str, is_package: bool) -> "ModuleType":
    """A module as the import system makes it, but for its loader, before its code is run."""
    module: ModuleType = type(sys)(name)
    place = _place(name)
    if is_package:
        module.__package__, module.__path__, module.__file__ = name, [place], f"{place}/__init__.py"
    else:
        module.__package__, module.__file__ = name.rpartition(".")[0], f"{place}.py"
    return module


class Finder:
    """A finder for `sys.meta_path` that knows the compiled modules of this package, and a few of the library's own."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> "ModuleSpec | None":
        """How to import a module; None where the import system is to say."""
        if not name.startswith(_PREFIX):
            return _written_in_c(name) if name in _WRITTEN_IN_C else None
        if name in GROUPS:
            _make_at_once(GROUPS[name])
            if name in sys.modules:
                return ModuleSpec(name, _Made())  # type: ignore[arg-type]  # as much of a loader as is asked for
        place = _place(name)
        if found := _compiled(f"{place}.py"):
            return _spec(name, f"{place}.py", *found)
        source = f"{place}/__init__.py"
        return _spec(name, source, *found, package=place) if (found := _compiled(source)) else None


def _written_in_c(name: str) -> "ModuleSpec | None":
    """How to import such a module of the standard library: from the one directory where it can be, if it is there."""
    for directory in sys.path:
        if directory.endswith("/lib-dynload"):
            path = f"{directory}/{name}{extension_suffixes()[0]}"
            try:
                stat(path)
            except OSError:
                return None
            return ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
    return None


def _place(name: str) -> str:
    """The path of a module of this package, without the ending, or that of a package."""
    return f"{_HERE}/{name[len(_PREFIX) :].replace('.', '/')}"


def _compiled(source: str) -> "tuple[str, CodeType] | None":
    """The compiled file of a source and the code in it; None where there is none, or one of another kind or source."""
    directory, _, file_name = source[:-3].rpartition("/")
    cached = f"{directory}/__pycache__/{file_name}{_ENDING}"
    try:
        status = stat(source)
        data = _whole(cached)
    except OSError:
        return None
    if data[:_HEADER] != _KIND + _low(int(status.st_mtime)) + _low(status.st_size):
        return None
    code: CodeType = marshal.loads(memoryview(data)[_HEADER:])
    return cached, code


def _whole(path: str) -> bytes:
    """The bytes of a file. Raises OSError."""
    fd = open_file(path, O_RDONLY | O_CLOEXEC)
    try:
        data = piece = read(fd, _MOST)
        while len(piece) == _MOST:
            data += (piece := read(fd, _MOST))
    finally:
        close(fd)
    return data


def _low(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "little")


def _spec(name: str, source: str, cached: str, code: "CodeType", package: str | None = None) -> "ModuleSpec":
    _fix_co_filename(code, source)  # where the package was moved since
    spec = ModuleSpec(name, _Loader(name, source, code), origin=source, is_package=package is not None)
    spec.has_location = True
    spec.cached = cached
    if package is not None:
        spec.submodule_search_locations = [package]
    return spec


class _Made:
    """The loader of a module that is made already."""

    def create_module(self, spec: "ModuleSpec") -> "ModuleType":
        """That module."""
        return sys.modules[spec.name]

    def exec_module(self, module: "ModuleType") -> None:
        """It was run."""


class _Loader(SourceFileLoader):
    """The usual loader, but that it has the code already."""

    def __init__(self, name: str, source: str, code: "CodeType") -> None:
        self.name, self.path = name, source
        self._code: CodeType | None = code

    def exec_module(self, module: "ModuleType") -> None:
        """Run the code: once as it was read, later as it is then."""
        code, self._code = self._code, None
        if code is None:
            super().exec_module(module)
        else:
            exec(code, module.__dict__)
