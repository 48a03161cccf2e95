"""The suite as pytest sees it: options, claims, verdicts, the order of tests, the summary."""

import gc
import json
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..reporting import summary
from ..reporting.summary import ALWAYS
from . import around, keep, known, publish, report, withdrawn
from .asked import Asked, add_options, asked
from .cases import Case
from .course import Courses
from .edition import SHOWN
from .ids import group, stable
from .implementation import Implementation
from .observation import Observation
from .record import claim as marked
from .record import record, requirements
from .sandbox import SandboxError
from .verdict import Errored, Lacking, NotClaimed, Verdict

_ASKED = pytest.StashKey[Asked]()
_IMPLEMENTATION = pytest.StashKey[Implementation]()
_PEER = pytest.StashKey[Implementation]()
_INFO = pytest.StashKey[dict[str, Any]]()
_RUN = pytest.StashKey[report.Run]()
_WRITTEN = pytest.StashKey[list[str]]()
_WITH_PEER = "interchange"
"""The class that takes two implementations."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requirement(*ids): requirements of the specification that a test judges")
    config.addinivalue_line("markers", "claim(class, profile, vantage): the claim that a test judges")
    config.addinivalue_line("markers", "always: judges soundness, whatever profile is claimed")
    if config.option.help:
        return
    wanted = config.stash[_ASKED] = asked(config)
    if config.option.collectonly:
        return
    config.pluginmanager.register(_Teller(), "ovsi-teller")
    worker = getattr(config, "workerinput", None)
    if not worker and wanted.setup and (fault := around.fault_of(wanted.setup)):
        raise pytest.UsageError(f"--impl-setup: {fault}")
    if wanted.peer:
        config.stash[_PEER] = Implementation(wanted.peer, wanted.timeout)
    examine(config, wanted.impl, json.loads(worker["ovsi_info"]) if worker else None)
    keep.KEEPER.wanted = wanted.keep
    if not worker:
        run = report.Run(
            info=config.stash[_INFO],
            commands=(wanted.impl, wanted.peer),
            peer=_peer(config),
            part=list(wanted.part),
            known=wanted.known,
            directory=wanted.report,
            chosen=wanted.selection.chosen(),
        )
        config.stash[_RUN] = run
        config.pluginmanager.register(_Recorder(run), "ovsi-recorder")
        run.save(probe=False)
        if run.unwritten:
            raise pytest.UsageError(f"--report: {run.unwritten}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUN not in config.stash:
        return
    if keep.KEEPER.kept:
        config.get_terminal_writer().flush()  # how to enter, for whoever reads a pipe
        keep.KEEPER.wait()
    teardown = config.stash[_ASKED].teardown
    if teardown and (fault := around.fault_of(teardown)):
        print(f"--impl-teardown: {fault}")


def pytest_report_header() -> str:
    return SHOWN


def examine(config: pytest.Config, text: str, info: dict[str, Any] | None = None) -> None:
    """Judge this implementation from now on; `info` is what it tells, where it was asked before."""
    config.stash[_IMPLEMENTATION] = Implementation(text, config.stash[_ASKED].timeout)
    config.stash[_INFO] = info or _ask(config.stash[_IMPLEMENTATION])


def _ask(implementation: Implementation) -> dict[str, Any]:
    """What `info` tells; where it is broken, `fault` says how and there are no claims."""
    try:
        return implementation.info()
    except Verdict as verdict:
        return {
            "implementation": {"name": "?", "version": "?"},
            "specifications": [],
            "claims": [],
            "fault": str(verdict),
        }


def _peer(config: pytest.Config) -> dict[str, Any] | None:
    """The peer as a report names it."""
    if _PEER not in config.stash:
        return None
    itself = config.stash[_PEER].is_also(config.stash[_IMPLEMENTATION])
    named = (config.stash[_INFO] if itself else _ask(config.stash[_PEER]))["implementation"]
    return {"name": named["name"], "version": named["version"], "itself": itself}


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Workers of pytest-xdist do not ask again."""
    node.workerinput["ovsi_info"] = json.dumps(node.config.stash[_INFO])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests that share a course go to one worker: their stack is built and dumped once."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

    class ByCase(LoadScopeScheduling):  # type: ignore[misc]  # as above
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return ByCase(config, log)


class _Recorder:
    """Takes down every test's verdict, in the process that runs the whole."""

    def __init__(self, run: report.Run) -> None:
        self.run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.run.take(report)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.run.selected = len(session.items) or self.run.selected

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.run.selected = len(ids)


def pytest_collection_finish(session: pytest.Session) -> None:
    """In each worker: the tests stay, and collections of garbage would look at all of them again and again."""
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what was asked for; where `info` gives no claims, nothing but its own test; each stack's tests together."""
    kept = [item for item in items if _chosen(config, item)]
    chosen = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    places = {name: place for place, name in reversed(list(enumerate(group(item.nodeid) for item in kept)))}
    items[:] = sorted(kept, key=lambda item: places[group(item.nodeid)])


def _chosen(config: pytest.Config, item: pytest.Item) -> bool:
    name, claim = stable(item.nodeid), _claim(item)
    if (claim[0] == _WITH_PEER and not _takes_two(config)) or withdrawn.entry(name):
        return False
    if _INFO in config.stash and "fault" in config.stash[_INFO]:
        return claim[0] == ALWAYS
    return config.stash[_ASKED].selection.keeps(name, claim, requirements(item))


def _takes_two(config: pytest.Config) -> bool:
    """Whether the class for two has a place in this run: with a peer, or to say that a claim of it was not judged."""
    claims = config.stash[_INFO]["claims"] if _INFO in config.stash else []
    claimed = any(claim["class"] == _WITH_PEER for claim in claims)
    return (claimed and not config.option.smoke) or _PEER in config.stash or config.option.collectonly


def _claim(item: pytest.Item) -> tuple[str, str, str]:
    """The claim that a test judges. Reading images is the same from everywhere: any vantage claimed will do."""
    kind, profile, vantage = marked(item)
    if kind == "image" and _INFO in item.config.stash:
        claimed = [claim["vantage"] for claim in item.config.stash[_INFO]["claims"] if claim["class"] == "image"]
        asked = item.config.stash[_ASKED].selection.vantages
        vantage = next((one for one in claimed if not asked or one in asked), vantage)
    return kind, profile, vantage


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A course ends with the last test of its group: nothing of it is there while others run."""
    courses = getattr(item, "funcargs", {}).get("course")
    if courses and (nextitem is None or group(nextitem.nodeid) != group(item.nodeid)):
        courses.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip as not claimed what the implementation does not claim; soundness is judged whatever the profile."""
    kind, profile, vantage = _claim(item)
    if kind == ALWAYS:
        return
    claims = {(claim["class"], claim["profile"], claim["vantage"]) for claim in item.config.stash[_INFO]["claims"]}
    always = item.get_closest_marker("always") is not None
    if not any(claim[0] == kind and (always or claim[1:] == (profile, vantage)) for claim in claims):
        raise NotClaimed(f"{kind} {profile} {vantage} is not claimed")
    if kind == _WITH_PEER and _PEER not in item.config.stash:
        raise Lacking("not executed: needs --peer=<cmd>, another implementation")


class _Teller:
    """Reports a verdict by its text. pytest's own way parses every module on the traceback, a second a verdict."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        error = _verdict(call)
        if error is None or call.when == "collect":
            return None
        skipped = error.word in ("skipped", "not-claimed")
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="skipped" if skipped else "failed",
            longrepr=(str(item.path), 0, str(error)) if skipped else f"{error.word}: {error}",
            when=call.when,
            duration=call.duration,
            start=call.start,
            stop=call.stop,
            user_properties=item.user_properties,
        )


def _verdict(call: pytest.CallInfo[None]) -> Verdict | None:
    """What ended a phase of a test, where it is a verdict or the sandbox failed."""
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, SandboxError):
        return Errored(f"the suite could not do its own part: {error}")
    return error if isinstance(error, Verdict) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take down what a test came to."""
    made = yield
    if call.when == "call" or made.outcome != "passed":
        error = _verdict(call) or (call.excinfo.value if call.excinfo else None)
        made.user_properties.append(("ovsi", record(item, made, error, _claim(item))))
        if keep.KEEPER.judged(made.outcome == "failed"):
            item.session.shouldstop = "a sandbox is kept"
        _mind_the_list(item, made)
    return made


def _mind_the_list(item: pytest.Item, made: pytest.TestReport) -> None:
    """A failure that is known is no news; a test that is listed and passes is."""
    listed = item.config.stash[_ASKED].known.get(stable(item.nodeid))
    if listed and made.outcome == "failed":
        made.outcome, made.wasxfail = "skipped", listed.reason
    elif listed and made.outcome == "passed" and made.when == "call":
        made.outcome, made.longrepr = "failed", f"listed as a known failure ({listed.reason}), and passes"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A claimed class that executed nothing fails the run, and so does a run that executed nothing at all."""
    if _RUN not in session.config.stash or session.config.option.collectonly:
        return
    run, wanted = session.config.stash[_RUN], session.config.stash[_ASKED]
    ended = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    run.finished = session.exitstatus in ended and not (session.shouldstop or session.shouldfail)
    if not run.part:
        without = () if _PEER in session.config.stash else (_WITH_PEER,)
        run.empty = summary.hollow(run.core(), lambda claim: claim[0] not in without)
    session.config.stash[_WRITTEN] = _written(run)
    if wanted.write_known:
        _write_known(run, wanted.write_known)
    if session.exitstatus == pytest.ExitCode.OK and (run.fails() or not run.finished):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _write_known(run: report.Run, path: Path) -> None:
    try:
        known.write(path, run.now_known())
        run.notes.append(f"known failures: {path}")
    except OSError as error:
        run.unwritten = str(error)
        run.notes.append(f"known failures: {error}")


def _written(run: report.Run) -> list[str]:
    """Lines that tell where the report is, in all its forms, or why it is not."""
    if run.directory is None:
        return []
    try:
        saved = run.save()
        paths = [saved, *publish.everything(publish.read(saved), saved.parent)] if saved else []
    except OSError as error:
        run.unwritten, paths = str(error), []
    return [f"report: {path}" for path in paths] or [f"report: not written: {run.unwritten}"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if _RUN not in config.stash:
        return
    run = config.stash[_RUN]
    terminalreporter.section("conformance")
    for line in run.summary():
        terminalreporter.write_line(line)
    for line in config.stash.get(_WRITTEN, []):
        terminalreporter.write_line(line)
    for line in keep.KEEPER.lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """The implementation under test."""
    return request.config.stash[_IMPLEMENTATION]


@pytest.fixture(scope="session")
def peer(request: pytest.FixtureRequest) -> Implementation:
    """The other implementation."""
    return request.config.stash[_PEER]


@pytest.fixture(scope="session")
def course(implementation: Implementation) -> Iterator[Courses]:
    """What is done with a stack, step by step, once for all tests of it that follow each other."""
    courses = Courses(implementation)
    yield courses
    courses.close()


@pytest.fixture(scope="session")
def observed(course: Courses) -> Callable[[Case], Observation]:
    """The first step of a stack's course: it is dumped twice."""
    return lambda case: course(case).observed()
