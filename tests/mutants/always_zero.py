"""Answers exit 0 to everything."""

from .mutant import Mutant

MUTANT = Mutant(
    breaks=(
        *("OVSI-CLI-002", "OVSI-CLI-005", "OVSI-CLI-006", "OVSI-CLI-008", "OVSI-CLI-012", "OVSI-CLI-019"),
        "OVSI-IMG-001",
        "OVSI-REST-024",
    ),
    fails=(
        "test_command_line.py::test_no_such_subcommand",
        "test_command_line.py::test_no_image_file[*]",
        "test_command_line.py::test_validate_called_wrongly[nothing]",
        "test_command_line.py::test_dump_called_wrongly[no selector-inside]",
        "test_command_line.py::test_nothing_of_that_name[process-inside]",
        "test_command_line.py::test_output_is_a_directory[inside]",
        "test_dumper.py::test_answer[core-one-lower-inside]",
        "test_image.py::test_vector[invalid/cut-short]",
        "test_restorer.py::test_target[missing-inside]",
    ),
    code=lambda words, code: 0,
)
