"""Has a restorer and nothing else."""

from .mutant import Json, RightVariant


def claim(info: Json) -> None:
    info["claims"] = [claim for claim in info["claims"] if claim["class"] == "restorer"]


def lacking(words: list[str]) -> list[str]:
    return ["lacking", *words[1:]] if words[:1] in (["dump"], ["validate"]) else words


VARIANT = RightVariant(
    meets=(
        "test_*[core-one-lower-inside]",
        "test_command_line.py::test_info",
        "test_command_line.py::test_no_such_subcommand",
        "test_command_line.py::test_dump_called_wrongly[two selectors-inside]",
        "test_command_line.py::test_output_is_a_pipe[inside]",
        "test_command_line.py::test_validate_called_wrongly[*]",
    ),
    info=claim,
    words=lacking,
)
