"""The parser and the help, both made from the table of commands."""

from __future__ import annotations

import pytest
from ovsi.cli import usage
from ovsi.cli.arguments import Arguments, UsageError, find, parse
from ovsi.cli.commands import COMMANDS


def parsed(line: bytes) -> Arguments:
    name, *words = line.split(b" ")
    command = find(name)
    assert command is not None
    arguments = parse(command, words)
    assert arguments is not None
    return arguments


def test_options_come_in_any_order_with_or_without_an_equals_sign() -> None:
    wanted = (4711, b"/mnt", b"-")
    for line in (
        b"dump --pid 4711 --mountpoint /mnt --output -",
        b"dump --output - --mountpoint /mnt --pid 4711",
        b"dump --output=- --mountpoint=/mnt --pid=4711",
    ):
        arguments = parsed(line)
        assert (arguments.one("pid"), arguments.one("mountpoint"), arguments.one("output")) == wanted


def test_values_are_raw_bytes_even_when_they_look_like_options() -> None:
    arguments = parsed(b"dump --mountpoint --output --output /a=\xff=b")
    assert (arguments.one("mountpoint"), arguments.one("output")) == (b"--output", b"/a=\xff=b")
    assert parsed(b"dump --mountpoint=/a=b --output x").one("mountpoint") == b"/a=b"


def test_mount_ids() -> None:
    assert parsed(b"dump --mount-id 29 --output x").one("mount-id") == (False, 29)
    assert parsed(b"dump --mount-id unique:2147483677 --output x").one("mount-id") == (True, 2147483677)


def test_options_that_come_again() -> None:
    arguments = parsed(
        b"restore --image i --target t --map a=/x --map b:/c=/y --accept unproved --accept mounter-differs"
    )
    assert arguments.every("map") == (b"a=/x", b"b:/c=/y")
    assert arguments.every("accept") == ("unproved", "mounter-differs")


def test_an_operand_may_follow_two_dashes() -> None:
    assert parsed(b"show /mnt").operand == b"/mnt"
    assert parsed(b"show --json -").operand == b"-"
    assert parsed(b"show -- --mnt").operand == b"--mnt"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"dump --output x", "give one of --mountpoint, --mount-id or --all"),
        (b"dump --output x --all --mountpoint /", "not --mountpoint and --all"),
        (b"dump --all", "--output FILE is missing"),
        (b"dump --all --output", "--output wants FILE"),
        (b"dump --all --output ", "--output : not a path"),
        (b"dump --all --output x --output y", "--output is given twice"),
        (b"dump --all --output x --pid 0", "not a process ID"),
        (b"dump --all --output x --pid -1", "not a process ID"),
        (b"dump --all --output x --pid 1x", "not a process ID"),
        (b"dump --mount-id unique: --output x", "not a mount ID"),
        (b"dump --mount-id other:1 --output x", "not a mount ID"),
        (b"dump --mount-id :1 --output x", "not a mount ID"),
        (b"dump --all=yes --output x", "--all takes no value"),
        (b"dump --all --output x more", "unexpected word 'more'"),
        (b"dump --al --output x", "unknown option --al"),
        (b"dump -o x", "unknown option -o"),
        (b"dump --\xff x", "unknown option --\\xff"),
        (b"dump --without magic --all --output x", "not a list of"),
        (b"restore --image i", "give one of --target or --all"),
        (b"restore --image i --all", "--all goes with --root only"),
        (b"restore --image i --target t --root r", "--root goes with --all only"),
        (b"restore --image i --all --root r --overlay o", "--overlay goes with --target only"),
        (b"restore --image i --target t --accept anything", "not one of unproved"),
        (b"validate", "--image FILE is missing"),
        (b"show ", "is empty"),
        (b"info now", "unexpected word"),
    ],
)
def test_wrong_usage(line: bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(line)
    assert message in caught.value.message
    assert caught.value.command == line.split(b" ")[0].decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option_and_fits_a_terminal(name: str) -> None:
    command = COMMANDS[name]
    words = usage.of_command(command)
    for option in command.options:
        assert f"--{option.name}" in words
        assert option.meaning.split()[0] in words
    for example, _meaning in command.examples:
        assert example in words
    assert max(map(len, words.splitlines())) <= 80
    assert not any(line != line.rstrip() for line in words.splitlines())
    assert name in usage.of_program()


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_right_usage(name: str) -> None:
    for example, _meaning in COMMANDS[name].examples:
        program, command, *words = example.partition(" | ")[0].split()
        assert (program, command) == ("ovsi", name)
        assert parse(COMMANDS[name], [word.encode() for word in words]) is not None


def test_every_command_has_its_module() -> None:
    for command in COMMANDS.values():
        assert callable(__import__(f"ovsi.cli.{command.module}", fromlist=("run",)).run)
