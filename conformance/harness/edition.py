"""Which suite this is, and which specification it judges: named in every output."""

from .schemas import load

SUITE = "0.1.0"
SPECIFICATION: str = load("image")["$id"].rpartition(":")[2]
SHOWN = f"OVSI conformance suite {SUITE}, judging version {SPECIFICATION} of the specification"
