"""What this program claims to do (`ovsi info`): classes, profiles and vantages that the suite then judges."""

from __future__ import annotations

SPECIFICATIONS = ("1.0",)
_VANTAGES = ("inside", "outside")
_PROFILES = (
    *("core", "relative", "deep", "escaping", "unmounted", "elsewhere", "data-only", "nested", "volatile"),
    *("idmapped", "userns"),
)
_CLAIMS = (
    ("image", ("core",), _VANTAGES),
    *(
        claim
        for name in ("dumper", "restorer", "round-trip", "interchange")
        for claim in ((name, _PROFILES, _VANTAGES), (name, ("filesystems",), ("outside",)))
    ),
)


def claims() -> list[dict[str, str]]:
    """The claims as schemas/info.json has them."""
    return [
        {"class": name, "profile": profile, "vantage": vantage}
        for name, profiles, vantages in _CLAIMS
        for profile in profiles
        for vantage in vantages
    ]
