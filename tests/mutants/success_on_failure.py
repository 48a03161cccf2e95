"""Reports a restore that failed as done."""

from .mutant import Mutant, run

MUTANT = Mutant(
    breaks=("OVSI-ID-006", "OVSI-REST-003", "OVSI-REST-007", "OVSI-REST-024", "OVSI-REST-025", "OVSI-REST-029"),
    meets="test_restorer and inside and (lookalike_in or is_gone or target or in_use or test_unproved)"
    " and not accepted and not without and not 1",
)

if __name__ == "__main__":
    run(code=lambda command, code: 0 if command == "restore" else code)
