"""Every form in which a report is published, by the name of its file."""

import json

from . import badge, junit, report_page
from .summary import Json


def forms(report: Json) -> dict[str, str]:
    """File name -> content, of all that is made of a report beside its JSON."""
    return {
        "index.html": report_page.html(report),
        "junit.xml": junit.xml(report),
        "badge.json": json.dumps(badge.endpoint(report), indent=1, ensure_ascii=False) + "\n",
        "badge.svg": badge.svg(report),
    }
