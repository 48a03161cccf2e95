"""A report as JUnit XML, with the requirement ids as properties, for servers of continuous integration."""

import re
from xml.etree import ElementTree as ET

from .summary import Json, counts, reservations

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml(report: Json) -> str:
    """The document. A test that is not claimed, or was skipped, is `skipped`; known failures too, with their reason."""
    tests, found = report["tests"], counts(report["tests"])
    numbers = {"tests": len(tests), "failures": found.get("failed", 0), "errors": found.get("errored", 0)}
    skipped = found.get("skipped", 0) + found.get("not-claimed", 0)
    time = f"{sum(test.get('duration', 0) for test in tests):.3f}"
    attributes = {name: str(number) for name, number in (numbers | {"skipped": skipped}).items()} | {"time": time}
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", {"name": "ovsi-conformance", **attributes})
    facts = {"suite": report["suite"], "specification": report["specification"], "kernel": report["kernel"]}
    facts |= {f"implementation-{name}": report["implementation"][name] for name in ("name", "version")}
    _properties(suite, [*facts.items(), *(("reservation", line) for line in reservations(report))])
    for test in tests:
        _case(suite, test)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, test: Json) -> None:
    claim = ".".join(test[name] for name in ("class", "profile", "vantage") if name in test)
    time = f"{test.get('duration', 0):.3f}"
    case = ET.SubElement(suite, "testcase", {"classname": claim, "name": _text(test["id"]), "time": time})
    _properties(case, [("requirement", each) for each in test["requirements"]])
    kind = {"failed": "failure", "errored": "error", "skipped": "skipped", "not-claimed": "skipped"}
    if test["verdict"] in kind:
        reason = _text(test.get("reason", ""))
        first = " ".join(test.get("broken", [])) or reason.partition("\n")[0]
        told = ET.SubElement(case, kind[test["verdict"]], {"message": first[:300]})
        told.text = reason
        if "replay" in test:
            ET.SubElement(case, "system-out").text = _text(f"replay: {test['replay']}")


def _properties(parent: ET.Element, pairs: list[tuple[str, str]]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in pairs:
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})


def _text(value: str) -> str:
    return _NOT_XML.sub("�", value)
