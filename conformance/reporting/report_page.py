"""A report as one page that needs nothing else: no script, no file, no host."""

from collections.abc import Iterator

from . import drawn, summary
from .html import Child, Html, join, mark, page, row, table, tag
from .summary import BAD, WORDS, Json

_SHOWN_AT_FIRST = (*BAD, "skipped", "withdrawn")


def html(report: Json) -> str:
    """The page."""
    who = f"{report['implementation']['name']} {report['implementation']['version']}"
    body = [*_head(report, who), *_claims(report), *_abilities(report), *_tests(report)]
    return page(f"OVSI conformance: {who}", *body)


def edition(report: Json) -> str:
    """Which suite judged which version of the specification where, and with whom."""
    text = f"Suite {report['suite']}, judging OVSI {report['specification']}, on Linux {report['kernel']}"
    return text + (f", with {summary.peer(report['peer'])} as peer" if "peer" in report else "")


def mind(report: Json) -> Child:
    """What has to be said before any number."""
    lines = summary.reservations(report)
    return tag("div", [tag("p", line) for line in lines], class_="mind", role="note") if lines else None


def whole(report: Json) -> Html:
    """The verdict of the whole run; of a part of the tests a good one is no more than that."""
    word = summary.standing(report)
    if not report.get("part") or word in ("empty", "unfinished"):
        return mark(word)
    return mark("partial" if word == "passed" else word, f"{word}, a part of the tests")


def _head(report: Json, who: str) -> Iterator[Child]:
    yield tag("h1", who)
    yield tag("p", edition(report), class_="soft")
    yield tag("div", tag("span", whole(report), class_="whole"), _counts(report), class_="lead")
    yield mind(report)
    yield tag("h2", "What may be stated")
    if stated := (report["closing"] or {}).get("statements"):
        yield tag("ul", [tag("li", line) for line in stated], class_="statements")
    else:
        yield tag("p", "Nothing.")
    yield _numbers(report)


def _counts(report: Json) -> Html:
    counted = summary.counts(report["tests"])
    return tag("span", *[join(mark(word, f"{count} {word.replace('-', ' ')}"), " ") for word, count in counted.items()])


def _numbers(report: Json) -> Html:
    tests = report["tests"]
    sound, judged = summary.soundness(tests)
    proved, sources = summary.share(tests)
    executed = sum(test["verdict"] in ("passed", *BAD) for test in tests)
    cells = [
        (str(executed), "tests executed"),
        (str(summary.stacks(report)), "distinct real stacks built"),
        (_percent(sound, judged), f"sound: {sound} of {judged} dumps state nothing false"),
        (_percent(proved, sources), f"complete: {proved} of {sources} sources proved"),
    ]
    return tag("div", [tag("div", tag("b", number), text) for number, text in cells], class_="numbers")


def _percent(part: int, of: int) -> str:
    """Rounded down: 100 % is all of them."""
    return f"{1000 * part // of / 10:g} %" if of else "none"


# Claims


def cell(report: Json, claim: summary.Triple, tests: list[Json]) -> Html:
    """What came of one claim."""
    counted, claimed = summary.counts(tests), claim in summary.claimed(report)
    wrong, run = sum(counted.get(word, 0) for word in BAD), sum(counted.get(word, 0) for word in ("passed", *BAD))
    if wrong:
        return mark("failed", f"{wrong} of {run} failed")
    if not claimed:
        return mark("not-claimed", "not claimed" + (f" ({run} passed)" if run else ""))
    if not run and not summary.asked(report.get("chosen", {}), claim):
        return mark("not-claimed", "not asked for")
    if not run:
        return mark("empty", "not run" if report.get("part") or not report["closing"] else "nothing executed")
    if skipped := counted.get("skipped"):
        return mark("partial", f"{run} passed, {skipped} skipped")
    return mark("passed", f"{run} passed")


def _claims(report: Json) -> Iterator[Child]:
    tests = summary.by_claim(report)
    triples = sorted({*tests, *summary.claimed(report)})
    vantages = sorted({vantage for _, _, vantage in triples})
    rows: list[Html] = []
    for kind in dict.fromkeys(kind for kind, _, _ in triples):
        heading = tag("th", kind.capitalize(), colspan=str(1 + len(vantages)), scope="rowgroup")
        rows.append(tag("tr", heading, class_="group"))
        for profile in dict.fromkeys(profile for each, profile, _ in triples if each == kind):
            row_of = [(kind, profile, vantage) for vantage in vantages]
            known = {*triples}
            rows.append(
                row(profile, *[cell(report, each, tests.get(each, [])) if each in known else "" for each in row_of])
            )
    yield tag("h2", "Verdict by class, profile and vantage")
    if rows:
        yield table("Tests by claim", ["profile", *vantages], rows)
    else:
        yield tag("p", "No test of any class was selected.")


def _abilities(report: Json) -> Iterator[Child]:
    rows = [
        row(name, mark("passed", "there") if each["present"] else mark("skipped", "missing"), each.get("reason", ""))
        for name, each in sorted(report["abilities"].items())
    ]
    missing = sum(not each["present"] for each in report["abilities"].values())
    yield tag("h2", "The machine")
    yield tag("p", f"Probed: {len(rows)}. Missing: {missing}.")
    inner = table("Abilities of this machine", ["ability", "", "why not"], rows)
    yield tag("details", tag("summary", "All abilities"), inner)


# Tests


def _tests(report: Json) -> Iterator[Child]:
    order = {word: place for place, word in enumerate(("failed", "errored", "skipped", "passed", "not-claimed"))}
    tests = sorted(report["tests"], key=lambda test: (order[test["verdict"]], test["id"]))
    counted: dict[str, int] = summary.counts(tests)
    if report["withdrawn"]:
        counted["withdrawn"] = len(report["withdrawn"])
    yield tag("h2", "Tests")
    boxes = [_box(word, counted.get(word, 0)) for word in (*WORDS, "withdrawn")]
    yield tag("fieldset", tag("legend", "Show"), boxes, class_="filters")
    yield tag("ul", *map(_test, tests), *map(_withdrawn, report["withdrawn"]), class_="tests")


def _box(word: str, count: int) -> Html:
    box = tag("input", type="checkbox", id=f"show-{word}", checked=word in _SHOWN_AT_FIRST)
    return tag("label", box, f" {word.replace('-', ' ')} ({count})")


def _test(test: Json) -> Html:
    word = test["verdict"]
    name = tag("span", test["id"], class_="id")
    time = tag("span", f"{test.get('duration', 0):.2f} s", class_="time")
    if word in ("passed", "not-claimed"):
        return tag("li", tag("span", mark(word), name), time, data_verdict=word, class_="quiet")
    ids = [tag("code", each, " ") for each in test.get("broken", [])]
    title = tag("summary", mark(word), " ", name, " ", ids, " ", time)
    return tag("li", tag("details", title, *_details(test)), data_verdict=word)


def _details(test: Json) -> Iterator[Child]:
    if known := test.get("known"):
        yield tag("p", "Known to the implementers: ", known["reason"], " ", known.get("link"))
    yield drawn.stack(test)
    if not test.get("findings") and test.get("reason"):
        yield tag("pre", test["reason"], tabindex="0")
    yield tag("p", "Judges ", tag("code", " ".join(test["requirements"]) or "no requirement"), class_="soft")
    if test.get("findings") and test.get("reason"):
        yield tag("details", tag("summary", "As it was printed"), tag("pre", test["reason"], tabindex="0"))
    if "replay" in test:
        yield tag("p", "Again, alone:")
        yield tag("pre", test["replay"], tabindex="0")


def _withdrawn(entry: Json) -> Html:
    text = f"withdrawn since {entry['since']}: {entry['reason']}"
    return tag("li", mark("withdrawn"), tag("span", entry["id"], class_="id"), " ", text, data_verdict="withdrawn")
