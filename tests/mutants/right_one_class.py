"""Has a dumper and nothing else, or a restorer and nothing else."""

from .mutant import Json, RightVariant


def having(kind: str, command: str) -> RightVariant:
    """What claims one class, and lacks every other command that does something."""

    def claim(info: Json) -> None:
        info["claims"] = [claim for claim in info["claims"] if claim["class"] == kind]

    def lacking(words: list[str]) -> list[str]:
        others = {"dump", "restore", "validate"} - {command}
        return ["lacking", *words[1:]] if others & set(words[:1]) else words

    meets = (
        "test_*[core-one-lower-inside]",
        "test_command_line.py::test_info",
        "test_command_line.py::test_no_such_subcommand",
        "test_command_line.py::test_dump_called_wrongly[two selectors-inside]",
        "test_command_line.py::test_output_is_a_pipe[inside]",
        "test_command_line.py::test_validate_called_wrongly[*]",
    )
    return RightVariant(meets=meets, info=claim, words=lacking)


VARIANTS = {"dumper": having("dumper", "dump"), "restorer": having("restorer", "restore")}
