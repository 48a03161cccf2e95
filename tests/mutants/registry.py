"""All mutants and right variants by name."""

import os
import sys
from importlib import import_module

from .mutant import Mutant, RightVariant, Variant

HERE = os.path.dirname(os.path.abspath(__file__))
NO_VARIANTS = ("__init__", "be", "mutant", "registry", "suites")


def named(name: str) -> Variant:
    """A module's one, or `MODULE.MEMBER`."""
    module, _, member = name.partition(".")
    found: Variant = _members(module)[member]
    return found


def _members(module: str) -> dict[str, Variant]:
    loaded = import_module(f"{__package__}.{module}")
    if only := getattr(loaded, "MUTANT", None) or getattr(loaded, "VARIANT", None):
        return {"": only}
    family: dict[str, Variant] = getattr(loaded, "MUTANTS", None) or loaded.VARIANTS
    return family


def every() -> dict[str, Variant]:
    """Name -> variant, in the order of their names."""
    modules = sorted(name[:-3] for name in os.listdir(HERE) if name.endswith(".py") and name[:-3] not in NO_VARIANTS)
    return {
        f"{module}.{member}".rstrip("."): variant for module in modules for member, variant in _members(module).items()
    }


def mutants() -> dict[str, Mutant]:
    return {name: variant for name, variant in every().items() if isinstance(variant, Mutant)}


def right_variants() -> dict[str, RightVariant]:
    return {name: variant for name, variant in every().items() if isinstance(variant, RightVariant)}


def command(name: str) -> str:
    """The command line of an implementation. Without the site module: it is started thousands of times."""
    return f"{sys.executable} -S {HERE}/be.py {name}"
