"""From an image to what would be done to build its mounts again, as plain data."""

from __future__ import annotations

from .make import make_plan as make_plan
from .records import Host as Host
from .records import Mapping as Mapping
from .records import Plan as Plan
from .records import Request as Request
from .records import parse_map as parse_map


def as_data(plan: Plan) -> dict[str, object]:
    """The plan as JSON has it."""
    from .show import as_data  # a restore itself does without

    return as_data(plan)


def lines(plan: Plan) -> list[str]:
    """The plan for a person, a line a fact."""
    from .show import lines

    return lines(plan)
