"""A failing test's stack, drawn layer by layer: what is so beside what was found."""

from .html import Child, Html, join, tag
from .summary import Json


def stack(test: Json) -> Html:
    """The layers with the findings about each, and the findings about none of them below."""
    left, drawn = list(test.get("findings", ())), []
    for layer in test.get("layers", ()):
        mine = [finding for finding in left if finding.get("source") == layer["label"]]
        left = [finding for finding in left if finding not in mine]
        drawn.append(_layer(layer, mine))
    picture = [tag("h3", "The stack, top to bottom"), tag("ol", *drawn, class_="stack")] if drawn else []
    return join(picture, [tag("h3", "Findings" if not drawn else "Other findings"), findings(left)] if left else [])


def _layer(layer: Json, about: list[Json]) -> Html:
    if layer["role"] == "more":
        return tag("li", tag("h4", f"… {layer['count']} more …"), class_="layer more")
    expected, found = layer["expected"], layer.get("found")
    title = tag(
        "div", tag("h4", layer["label"]), tag("p", layer["on"], ":", tag("code", layer["directory"]), class_="soft")
    )
    sides = [title, _side("is", expected, {})]
    if found is not None:
        sides.append(_side("found", found, expected))
    if about:
        sides.append(findings(about))
    role = layer["role"]
    return tag("li", *sides, class_=f"layer {role}{' wrong' if about else ''}")


def _side(name: str, pairs: dict[str, str], beside: dict[str, str]) -> Html:
    """One side's facts; those that contradict the other side are marked."""
    rows: list[Child] = [tag("div", name, class_="side")]
    for key, value in pairs.items():
        differs = key in beside and beside[key] != value
        rows += [tag("dt", key), tag("dd", tag("span", value, class_="differs" if differs else None))]
    return tag("dl", *rows)


def findings(found: list[Json]) -> Html:
    """Findings, expected beside got."""
    return tag("ul", *[_finding(each) for each in found], class_="findings")


def _finding(finding: Json) -> Html:
    head = tag("div", tag("code", finding["requirement"]), " ", finding["subject"])
    sides = [
        tag("div", tag("b", "expected"), finding["expected"]),
        tag("div", tag("b", "got"), finding["got"], class_="got"),
    ]
    return tag("li", head, tag("div", *sides, class_="pair"))
