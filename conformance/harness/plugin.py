"""The suite as pytest sees it: options, claims, verdicts, the order of tests, the summary."""

import json
import shlex
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from . import describe, observation, report
from .cases import Case
from .implementation import Implementation
from .observation import Observation
from .sandbox import SandboxError
from .verdict import Errored, NotClaimed, Verdict

_IMPLEMENTATION = pytest.StashKey[Implementation]()
_PEER = pytest.StashKey[Implementation]()
_INFO = pytest.StashKey[dict[str, Any]]()
_RUN = pytest.StashKey[report.Run]()
_NEEDS_NO_CLAIM = "info"
"""The class of the tests that judge what holds whatever is claimed; where `info` gives no claims they run alone."""
_CLASSES = ("image", "dumper", "restorer", "round-trip")
_WITH_PEER = "interchange"
"""The class that takes two implementations."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "OVSI conformance")
    group.addoption(
        "--impl", metavar="CMD", help="the implementation: a command, split as a shell would, run without one"
    )
    group.addoption("--peer", metavar="CMD", help="another implementation, for the class interchange")
    group.addoption("--impl-timeout", type=float, default=30.0, metavar="SECONDS", help="limit of one call (30)")
    group.addoption("--class", dest="ovsi_class", action="append", metavar="CLASS", help="only this class; repeatable")
    group.addoption(
        "--profile", dest="ovsi_profile", action="append", metavar="PROFILE", help="only this profile; repeatable"
    )
    group.addoption("--vantage", dest="ovsi_vantage", action="append", metavar="VANTAGE", help="inside or outside only")
    group.addoption("--report", type=Path, metavar="DIR", help="write DIR/report.json (schemas/report.json)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requirement(*ids): requirements of the specification that a test judges")
    config.addinivalue_line("markers", "claim(class, profile, vantage): the claim that a test judges")
    config.addinivalue_line("markers", "always: judges soundness, whatever profile is claimed")
    if config.option.collectonly or config.option.help:
        return
    config.pluginmanager.register(_Teller(), "ovsi-teller")
    text = config.getoption("--impl")
    if not text or not shlex.split(text):
        raise pytest.UsageError("which implementation? --impl='<cmd>' is missing")
    config.stash[_IMPLEMENTATION] = Implementation(text, config.getoption("--impl-timeout"))
    if peer := config.getoption("--peer"):
        config.stash[_PEER] = Implementation(peer, config.getoption("--impl-timeout"))
    worker = getattr(config, "workerinput", None)
    config.stash[_INFO] = json.loads(worker["ovsi_info"]) if worker else _ask(config.stash[_IMPLEMENTATION])
    if not worker:
        narrowed = bool(
            config.option.keyword
            or config.option.markexpr
            or any("::" in word or word.endswith(".py") for word in config.args)
        )
        config.stash[_RUN] = report.Run(config.stash[_INFO], text, narrowed)
        config.pluginmanager.register(_Recorder(config.stash[_RUN]), "ovsi-recorder")


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


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Workers of pytest-xdist do not ask again."""
    node.workerinput["ovsi_info"] = json.dumps(node.config.stash[_INFO])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one stack from one vantage go to one worker: it is built and dumped once."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByCase(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return report.group(nodeid)

    return ByCase(config, log)


class _Recorder:
    """Takes down every test's verdict, in the process that runs the whole."""

    def __init__(self, run: report.Run) -> None:
        self.run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.run.take(report)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what was asked for; where `info` gives no claims, nothing but its own test; each stack's tests together."""
    wanted = [getattr(config.option, f"ovsi_{word}") for word in ("class", "profile", "vantage")]
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        claim = _claim(item)
        chosen = all(not words or word in words for words, word in zip(wanted, claim, strict=True))
        chosen = chosen and (claim[0] != _WITH_PEER or _PEER in config.stash or config.option.collectonly)
        if _INFO in config.stash and "fault" in config.stash[_INFO]:
            chosen = claim[0] == _NEEDS_NO_CLAIM
        (kept if chosen else dropped).append(item)
    config.hook.pytest_deselected(items=dropped)
    places = {group: place for place, group in reversed(list(enumerate(report.group(item.nodeid) for item in kept)))}
    items[:] = sorted(kept, key=lambda item: places[report.group(item.nodeid)])


def _claim(item: pytest.Item) -> tuple[str, str, str]:
    """The claim that a test judges. Reading images is the same from everywhere: any vantage claimed will do."""
    marker = item.get_closest_marker("claim")
    if marker is None:
        return _NEEDS_NO_CLAIM, "", ""
    kind, profile, vantage = marker.args
    if kind == "image" and _INFO in item.config.stash:
        claimed = [claim["vantage"] for claim in item.config.stash[_INFO]["claims"] if claim["class"] == "image"]
        vantage = next(iter(claimed), vantage)
    return kind, profile, vantage


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip as not claimed what the implementation does not claim; soundness is judged whatever the profile."""
    kind, profile, vantage = _claim(item)
    if kind == _NEEDS_NO_CLAIM:
        return
    claims = {(claim["class"], claim["profile"], claim["vantage"]) for claim in item.config.stash[_INFO]["claims"]}
    always = item.get_closest_marker("always") is not None
    if not any(claim[0] == kind and (always or claim[1:] == (profile, vantage)) for claim in claims):
        raise NotClaimed(f"{kind} {profile} {vantage} is not claimed")


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
        made.user_properties.append(("ovsi", _record(item, made, error)))
    return made


def _record(item: pytest.Item, made: pytest.TestReport, error: BaseException | None) -> str:
    ids = [name for marker in item.iter_markers("requirement") for name in marker.args]
    word = (
        error.word
        if isinstance(error, Verdict)
        else {"passed": "passed", "skipped": "skipped"}.get(made.outcome, "failed")
    )
    findings = error.findings if isinstance(error, Verdict) else ()
    record = {
        "verdict": word,
        "claim": _claim(item),
        "requirements": sorted(set(ids)),
        "broken": list(error.broken) if isinstance(error, Verdict) else [],
        "reason": str(error) if error else "",
        "expected": "\n".join(f"{finding.subject}: {finding.expected}" for finding in findings[:20]),
        "got": "\n".join(f"{finding.subject}: {finding.got}" for finding in findings[:20]),
    }
    case = getattr(item, "callspec", None) and item.callspec.params.get("case")  # type: ignore[attr-defined]
    if isinstance(case, Case):
        record |= {"stack": case.stack.name, "built": describe.lines(case.stack)}
    for name, value in item.user_properties:
        if name != "ovsi":
            record[name] = value  # type: ignore[assignment]
    return json.dumps(record)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A claimed class that executed nothing fails the run, and so does a run that executed nothing at all."""
    if _RUN not in session.config.stash or session.config.option.collectonly:
        return
    run, option = session.config.stash[_RUN], session.config.option
    if not run.narrowed:
        with_peer = (_WITH_PEER,) if _PEER in session.config.stash else ()
        run.empty = run.hollow(option.ovsi_class or (*_CLASSES, *with_peer))
    if session.exitstatus == pytest.ExitCode.OK and (run.empty or run.verdict() == "empty"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if _RUN not in config.stash:
        return
    run = config.stash[_RUN]
    terminalreporter.section("conformance")
    for line in run.summary():
        terminalreporter.write_line(line)
    if directory := config.getoption("--report"):
        terminalreporter.write_line(f"report: {run.write(directory)}")


@pytest.fixture(scope="session")
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """The implementation under test."""
    return request.config.stash[_IMPLEMENTATION]


@pytest.fixture(scope="session")
def peer(request: pytest.FixtureRequest) -> Implementation:
    """The other implementation."""
    return request.config.stash[_PEER]


@pytest.fixture(scope="session")
def observed(implementation: Implementation) -> Callable[[Case], Observation]:
    """Dumps of stacks, each made once in a worker."""
    made: dict[Case, Observation | Exception] = {}

    def observe(case: Case) -> Observation:
        if case not in made:
            made.clear()
            try:
                made[case] = observation.observe(implementation, case.stack, case.vantage)
            except (Verdict, SandboxError) as error:
                made[case] = error
        result = made[case]
        if isinstance(result, Exception):
            raise result
        return result

    return observe
