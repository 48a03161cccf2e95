"""What all of the project's own tests share."""

import importlib
import pkgutil

import hypothesis
import ovsi

hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Import the whole reference now: a test that mounts over the directory of this checkout can't import later."""
    for module in pkgutil.walk_packages(ovsi.__path__, "ovsi."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
