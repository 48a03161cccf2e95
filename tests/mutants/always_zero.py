"""Answers exit 0 to everything."""

from .mutant import Mutant, run

MUTANT = Mutant(
    breaks=(
        *("OVSI-CLI-002", "OVSI-CLI-005", "OVSI-CLI-006", "OVSI-CLI-008", "OVSI-CLI-012", "OVSI-CLI-019"),
        "OVSI-IMG-001",
    ),
    meets="(test_command_line and (inside or subcommand or no_image or validate)) or invalid/cut-short"
    " or (test_answer and core-one-lower-inside)",
)

if __name__ == "__main__":
    run(code=lambda command, code: 0)
