"""Reports a restore that failed as done."""

from .mutant import Mutant

MUTANT = Mutant(
    breaks=("OVSI-ID-006", "OVSI-REST-003", "OVSI-REST-007", "OVSI-REST-024", "OVSI-REST-025", "OVSI-REST-029"),
    fails=(
        "test_restorer.py::test_lookalike_in_its_place[upper-inside]",
        "test_restorer.py::test_source_is_gone[upper-inside]",
        "test_restorer.py::test_unproved[None-inside]",
        "test_restorer.py::test_unproved[changed-identity-inside]",
        "test_restorer.py::test_target[missing-inside]",
        "test_restorer.py::test_upper_in_use[inside]",
    ),
    code=lambda words, code: 0 if words[:1] == ["restore"] else code,
)
