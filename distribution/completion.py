"""Completion for bash, zsh and fish, from the table of subcommands."""

from __future__ import annotations

from collections.abc import Iterator

from ovsi.cli.commands import COMMANDS, Command, Option

_FILES = frozenset({"FILE", "MOUNTPOINT|FILE"})
_DIRECTORIES = frozenset({"DIR", "PATH", "MOUNTPOINT"})


def bash() -> str:
    """A file for bash-completion; it needs bash alone."""
    cases = [line for command in COMMANDS.values() for line in _bash_command(command)]
    return "\n".join(
        [
            "# bash completion for ovsi",
            "_ovsi() {",
            "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
            "    COMPREPLY=()",
            "    if ((COMP_CWORD == 1)); then",
            f'        mapfile -t COMPREPLY < <(compgen -W "{" ".join(COMMANDS)} --help --version" -- "$current")',
            "        return",
            "    fi",
            '    case "${COMP_WORDS[1]} $before" in',
            *cases,
            "    esac",
            '    case "${COMP_WORDS[1]} $current" in',
            *(line for command in COMMANDS.values() for line in _bash_options(command)),
            "    esac",
            "}",
            "complete -F _ovsi ovsi",
            "",
        ]
    )


def _bash_command(command: Command) -> Iterator[str]:
    for option in command.options:
        if option.metavar:
            yield f'        "{command.name} --{option.name}")'
            yield f"            {_bash_values(option)}"
            yield "            return ;;"


def _bash_values(option: Option) -> str:
    kind = _kind(option.metavar)
    if kind in ("files", "directories"):
        return f'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -{kind[0]} -- "$current")'
    if kind == "processes":
        return 'mapfile -t COMPREPLY < <(cd /proc && compgen -G "$current*" | grep -x "[0-9]*")'
    words = _words(option)
    return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(words)}" -- "$current")' if words else ":"


def _bash_options(command: Command) -> Iterator[str]:
    options = " ".join(f"--{option.name}" for option in command.options)
    yield f'        "{command.name} -"*)'
    yield f'            mapfile -t COMPREPLY < <(compgen -W "{options} --help" -- "$current") ;;'
    if command.operand:
        yield f'        "{command.name} "*)'
        yield f"            {_bash_values(_of_operand(command.operand))} ;;"


def zsh() -> str:
    """A function for zsh's completion system."""
    names = " ".join(f"'{command.name}:{_single(command.summary)}'" for command in COMMANDS.values())
    return "\n".join(
        [
            "#compdef ovsi",
            "# zsh completion for ovsi",
            "if (( CURRENT == 2 )); then",
            f"    local -a subcommands=({names})",
            "    _describe subcommand subcommands",
            "    return",
            "fi",
            "local subcommand=$words[2]",
            "shift words",
            "(( CURRENT-- ))",
            "case $subcommand in",
            *(line for command in COMMANDS.values() for line in _zsh_command(command)),
            "esac",
            "",
        ]
    )


def _zsh_command(command: Command) -> Iterator[str]:
    yield f"    {command.name})"
    yield "        _arguments \\"
    for option in command.options:
        star = "*" if option.many else ""
        value = f":{_colons(option.metavar)}:{_zsh_values(option)}" if option.metavar else ""
        yield f"            '{star}--{option.name}[{_single(_brackets(option.meaning))}]{value}' \\"
    if command.operand:
        yield f"            '1:{_colons(command.operand.name)}:{_zsh_values(_of_operand(command.operand))}' \\"
    yield "            '--help[say more]' ;;"


def _zsh_values(option: Option) -> str:
    kinds = {"files": "_files", "directories": "_files -/", "processes": "_pids"}
    words = _words(option)
    return f"({' '.join(words)})" if words else kinds.get(_kind(option.metavar), " ")


def fish() -> str:
    """A file for fish."""
    lines = ["# fish completion for ovsi", "complete -c ovsi -f"]
    for command in COMMANDS.values():
        lines.append(f"complete -c ovsi -n __fish_use_subcommand -a {command.name} -d '{_quoted(command.summary)}'")
        seen = f"complete -c ovsi -n '__fish_seen_subcommand_from {command.name}'"
        for option in command.options:
            lines.append(f"{seen} -l {option.name}{_fish_values(option)} -d '{_quoted(option.meaning)}'")
        if command.operand:
            lines.append(f"{seen} -F")
    return "\n".join([*lines, ""])


def _fish_values(option: Option) -> str:
    if not option.metavar:
        return ""
    kinds = {
        "files": " -r -F",
        "directories": " -x -a '(__fish_complete_directories)'",
        "processes": " -x -a '(__fish_complete_pids)'",
    }
    words = _words(option)
    return f" -x -a '{' '.join(words)}'" if words else kinds.get(_kind(option.metavar), " -x")


def _kind(metavar: str) -> str:
    if metavar in _FILES:
        return "files"
    if metavar in _DIRECTORIES:
        return "directories"
    return "processes" if metavar == "PID" else "words"


def _words(option: Option) -> tuple[str, ...]:
    return option.words() if option.words else ()


def _of_operand(operand: Option) -> Option:
    """An operand as an option that takes it."""
    return Option("", operand.name, operand.meaning)


def _single(text: str) -> str:
    return text.replace("'", "'\\''").replace(":", "\\:")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _colons(text: str) -> str:
    return text.replace(":", "\\:")


def _brackets(text: str) -> str:
    return text.replace("[", "\\[").replace("]", "\\]")
