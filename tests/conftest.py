"""What all of the project's own tests share."""

import importlib
import pkgutil

import hypothesis
import ovsi
import pytest

from .support import ledger

hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Import the whole reference now: a test that mounts over the directory of this checkout can't import later."""
    for module in pkgutil.walk_packages(ovsi.__path__, "ovsi."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _of_all(config: pytest.Config) -> bool:
    """Whether a run is of all tests, and this the process that ends it."""
    narrowed = config.option.keyword or config.option.markexpr or config.option.collectonly
    return not narrowed and config.args == ["tests"] and not hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run of everything fails where a mutant or a right variant was not judged, or not as declared."""
    if _of_all(session.config) and session.exitstatus == pytest.ExitCode.OK and not ledger.summary()[1]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What the requirements, the mutants and the right variants came to."""
    if _of_all(config):
        terminalreporter.section("requirements and mutants")
        for line in ledger.summary()[0]:
            terminalreporter.write_line(line)
