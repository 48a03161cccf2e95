"""A report as a badge: JSON for an endpoint of shields.io, and the same as SVG."""

from html import escape

from .summary import Json, claimed, met, reservations, standing

_COLOURS = {"passed": "#1a7335", "failed": "#b3261e", "partial": "#8a5a00", "empty": "#5c6672", "unfinished": "#5c6672"}


def endpoint(report: Json) -> Json:
    """The badge by https://shields.io/badges/endpoint-badge: edition and suite, then classes with profiles met."""
    return {
        "schemaVersion": 1,
        "label": f"OVSI {report['specification']} (suite {report['suite']})",
        "message": message(report),
        "color": _COLOURS[standing(report)],
    }


def message(report: Json) -> str:
    """Such as `Dumper 12/12, Restorer 11/12`: claims met, of those made. Never one word that says it all."""
    word = standing(report)
    if word in ("empty", "unfinished"):
        return f"{word} run"
    if report.get("part"):
        return f"a part of the tests: {word}"
    holds: dict[str, int] = {}
    for (kind, _), profiles in met(report).items():
        holds[kind] = holds.get(kind, 0) + len(profiles)
    kinds = [claim[0] for claim in claimed(report)]
    told = [f"{kind.capitalize()} {holds.get(kind, 0)}/{kinds.count(kind)}" for kind in dict.fromkeys(kinds)]
    return ", ".join(told or ["nothing claimed"]) + (f" ({word})" if word != "passed" else "")


def svg(report: Json) -> str:
    """The badge as a picture; its title says the rest."""
    shown = endpoint(report)
    widths = [round(len(shown[name]) * 6.4) + 14 for name in ("label", "message")]
    title = escape(". ".join([f"{shown['label']}: {shown['message']}", *reservations(report)]))
    texts = []
    for at, width, name in ((0, widths[0], "label"), (widths[0], widths[1], "message")):
        place = f'x="{at + 7}" y="14" textLength="{width - 14}" lengthAdjust="spacingAndGlyphs"'
        texts.append(f"<text {place}>{escape(shown[name])}</text>")
    total = sum(widths)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" viewBox="0 0 {total} 20" role="img">'
        f'<title>{title}</title><clipPath id="r"><rect width="{total}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{widths[0]}" height="20" fill="#3a434d"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{shown["color"]}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{"".join(texts)}</g></svg>\n'
    )
