"""Wrong suites: what a suite has to do, not done. A plugin of pytest; OVSI_WRONG_SUITE says which one to be."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.harness import schemas
from conformance.reporting import summary

Json = dict[str, Any]
WHICH = "OVSI_WRONG_SUITE"


@dataclass(frozen=True)
class WrongSuite:
    """`fails`: the project's own tests of the suite that find it out; `become`: make the suite wrong."""

    breaks: tuple[str, ...]
    fails: tuple[str, ...]
    become: Callable[[], None]


def _hollow_claims_pass() -> None:
    def hollow(report: Json, judged: Callable[[summary.Triple], bool] = bool) -> list[str]:
        return []

    summary.hollow = hollow


def _says_not_where() -> None:
    whole = summary.statements
    summary.statements = lambda report: [text.partition(" (")[0] for text in whole(report)]


def _blames_extra_keys() -> None:
    strict = schemas.errors_by

    def errors_by(name: str, document: Any) -> list[str]:
        strange = [key for key in document if key.startswith("x-")] if isinstance(document, dict) else []
        return [*strict(name, document), *strange]

    schemas.errors_by = errors_by


def _judges_what_is_claimed() -> None:
    """Done below, when the tests are collected."""


SUITES = {
    "judges-what-is-claimed": WrongSuite(
        ("OVSI-CONF-004",),
        ("tests/test_suite_verdicts.py::test_soundness_is_judged_whatever_is_claimed",),
        _judges_what_is_claimed,
    ),
    "hollow-claims-pass": WrongSuite(
        ("OVSI-CONF-005",),
        (
            "tests/test_suite_verdicts.py::test_claims_without_substance_fail",
            "tests/test_suite_report.py::test_a_claimed_class_without_a_test_executed_is_named",
            "tests/test_suite_report.py::test_shards_of_a_claim_that_executed_nothing",
        ),
        _hollow_claims_pass,
    ),
    "says-not-where": WrongSuite(
        ("OVSI-CONF-003",),
        (
            "tests/test_suite_report.py::test_a_statement_names_version_class_profiles_vantage_and_kernel",
            "tests/test_suite_report.py::test_what_was_judged_of_image_holds_at_each_vantage",
        ),
        _says_not_where,
    ),
    "blames-extra-keys": WrongSuite(
        ("OVSI-VER-003",), ("tests/test_suite_verdicts.py::test_extra_keys_are_no_fault",), _blames_extra_keys
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(WHICH) == "judges-what-is-claimed":
        for item in items:
            item.own_markers[:] = [mark for mark in item.own_markers if mark.name != "always"]


if WHICH in os.environ:  # now, before the suite is imported
    SUITES[os.environ[WHICH]].become()
