"""What this program claims to do (`ovsi info`): classes, profiles and vantages that the suite then judges."""

from __future__ import annotations

SPECIFICATIONS = ("1.0",)
_VANTAGES = ("inside", "outside")
_MOUNTS = ("core", "relative", "deep", "escaping")
_CLAIMS = (
    ("image", ("core",), _VANTAGES),
    ("dumper", _MOUNTS, _VANTAGES),
    ("dumper", ("userns",), ("inside",)),
    ("restorer", _MOUNTS, _VANTAGES),
    ("restorer", ("userns",), ("inside",)),
    ("round-trip", _MOUNTS, _VANTAGES),
    ("round-trip", ("userns",), ("inside",)),
)


def claims() -> list[dict[str, str]]:
    """The claims as schemas/info.json has them."""
    return [
        {"class": name, "profile": profile, "vantage": vantage}
        for name, profiles, vantages in _CLAIMS
        for profile in profiles
        for vantage in vantages
    ]
