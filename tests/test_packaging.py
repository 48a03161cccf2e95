"""What is installed: a wheel and an sdist with what they need and nothing else, and all of it works from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distribution.files import MODULES

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
SHARED = {
    "share/man/man1/ovsi.1",
    "share/bash-completion/completions/ovsi",
    "share/zsh/site-functions/_ovsi",
    "share/fish/vendor_completions.d/ovsi.fish",
}


def _run(*words: str | Path, **more: Any) -> str:
    shown = subprocess.run(
        list(map(str, words)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
        **more,
    )
    assert shown.returncode == 0, shown.stdout
    return str(shown.stdout)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel and the sdist; built from a copy, as a build leaves files beside its sources."""
    source, output = tmp_path_factory.mktemp("source") / "tree", tmp_path_factory.mktemp("dist")
    unwanted = shutil.ignore_patterns(".venv", ".git", "build", "dist", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, source, ignore=unwanted)
    _run(BIN / "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", output, cwd=source)
    return output


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh virtual environment with the wheel in it and nothing else."""
    home = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", home)
    _run(BIN / "pip", "--python", home / "bin" / "python", "install", "--no-deps", "--no-index", "--quiet", wheel)
    yield home
    shutil.rmtree(home)


def _files_of(tree: str) -> set[str]:
    """Files below a directory of the repository that belong into a package."""
    found = (path for path in (ROOT / tree).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT / tree)) for path in found}


def test_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = {"reference/ovsi": "ovsi", "conformance": "ovsi_conformance", "schemas": "ovsi_schemas"}
    folders["examples/adapter"] = "ovsi_conformance/adapter"
    wanted = {f"{folder}/{name}" for tree, folder in folders.items() for name in _files_of(tree)} | set(MODULES)
    data = {name.split(".data/data/", 1)[1] for name in names if ".data/data/" in name}
    rest = {name for name in names if ".dist-info/" not in name and ".data/data/" not in name}
    assert data == SHARED
    assert {name for name in rest if ".data/scripts/" in name} == {
        name for name in rest if name.endswith("/scripts/ovsi")
    }
    assert {name for name in rest if ".data/" not in name} == wanted


def test_sdist_holds_what_it_needs_and_nothing_else(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tops = {name.partition("/")[0] for name in names}
    documents = {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "PKG-INFO", ".gitignore"}
    trees = {"reference", "conformance", "schemas", "distribution", "spec", "tests", "docs", "examples", "benchmarks"}
    assert tops == documents | trees | {"Makefile", "mkdocs.yml", "pyproject.toml"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_wheel_from_the_sdist_is_the_same(built: Path, wheel: Path, tmp_path: Path) -> None:
    _run("tar", "-xf", next(built.glob("*.tar.gz")), "-C", tmp_path)
    (tree,) = tmp_path.iterdir()
    _run(BIN / "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=tree)
    (again,) = (tmp_path / "dist").iterdir()
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


def test_installed_command_shows_a_real_mount(environment: Path) -> None:
    script = (
        "mount -t tmpfs none /mnt && mkdir /mnt/low /mnt/top /mnt/view && echo x >/mnt/low/file && "
        'mount -t overlay overlay -o lowerdir=/mnt/top:/mnt/low /mnt/view && "$0" show /mnt/view; test $? -le 3'
    )
    shown = _run(*NAMESPACE, "bash", "-c", script, environment / "bin" / "ovsi", cwd="/")
    assert "lower 0" in shown
    assert "/mnt/top" in shown
    assert "/mnt/low" in shown


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's dump takes other ways")
def test_installed_command_imports_at_once_what_it_always_needs(environment: Path) -> None:
    """What a usual dump or restore of root needs: each module less is time that a vendor's every run takes.

    Of a deep stack, for a shallow one is compared with what the kernel holds as well.
    """
    script = (
        "mount -t tmpfs none /mnt && cd /mnt && mkdir {1..200} upper work view && touch 7/file && "
        "mount -t overlay overlay -o lowerdir=$(seq -s: 200),upperdir=upper,workdir=work view && "
        '"$0" -X importtime "$1" dump --mountpoint /mnt/view --output image 2>&1 && umount view && '
        '"$0" -X importtime "$1" restore --image image --target /mnt/view 2>&1 && ls view'
    )
    shown = _run(*NAMESPACE, "bash", "-c", script, environment / "bin" / "python", environment / "bin" / "ovsi")
    imported = [line.rpartition("|")[2].strip() for line in shown.splitlines() if line.startswith("import time:")]
    one_by_one = [name for name in imported if name.partition(".")[0] == "ovsi"]
    assert one_by_one == 2 * ["ovsi", "ovsi.start", "ovsi.signals"]
    assert "__future__" not in imported
    assert shown.endswith("file\n")


def test_suite_without_what_it_needs_says_how_to_have_it(environment: Path) -> None:
    """`pip install ovsi` alone has no pytest."""
    suite = environment / "bin" / "ovsi-conformance"
    lacking = [name for name in ("pytest", "jsonschema") if not _has(environment, name)]
    shown = subprocess.run([suite, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert lacking == ["pytest", "jsonschema"]
    assert shown.returncode == 2
    (line,) = shown.stderr.splitlines()
    assert line.startswith("ovsi-conformance: pytest and jsonschema not installed: pip install 'ovsi[conformance]'")


def _has(environment: Path, module: str) -> bool:
    words = [str(environment / "bin" / "python"), "-I", "-c", f"import {module}"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_installed_suite_judges_the_installed_command(environment: Path, tmp_path: Path) -> None:
    """The smoke, from the wheel; what the suite depends on is lent by this environment."""
    (site_packages,) = environment.glob("lib/python3*/site-packages")
    (site_packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    suite, implementation = environment / "bin" / "ovsi-conformance", environment / "bin" / "ovsi"
    words = [f"--impl={implementation}", "--smoke", f"--report={tmp_path / 'report'}"]
    shown = _run(suite, *words, cwd=tmp_path)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert {test["verdict"] for test in report["tests"]} == {"passed"}, shown
    where = _run(environment / "bin" / "python", "-c", "import ovsi_conformance as o; print(o.__file__)", cwd="/")
    assert where.startswith(str(environment))


def test_installed_command_is_the_installed_one(environment: Path) -> None:
    where = _run(environment / "bin" / "python", "-c", "import ovsi; print(ovsi.__file__)", cwd="/")
    assert where.startswith(str(environment))


# The manual page and the completion


def _options() -> Iterator[tuple[str, str]]:
    listed = _run(
        sys.executable,
        "-c",
        "from ovsi.cli.commands import COMMANDS as c\nfor x in c.values():\n for o in x.options: print(x.name, o.name)",
    )
    for line in listed.splitlines():
        command, _, option = line.partition(" ")
        yield command, option


def test_manual_page_has_every_option(environment: Path) -> None:
    page = (environment / "share/man/man1/ovsi.1").read_text().replace("\\-", "-")
    for command, option in _options():
        section = page.partition(f".SS ovsi {command}\n")[2].partition("\n.S")[0]
        assert f"\\fB--{option}\\fR" in section, f"{command} --{option}"


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_manual_page_is_well_made(environment: Path) -> None:
    lint = _run("mandoc", "-T", "lint", "-W", "error", environment / "share/man/man1/ovsi.1")
    assert not lint
    shown = _run("mandoc", "-T", "html", environment / "share/man/man1/ovsi.1")
    assert 'id="EXIT_STATUS"' in shown


def _bash(environment: Path, *words: str) -> list[str]:
    script = (
        'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _ovsi;'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    shown = _run("bash", "-c", script, environment / "share/bash-completion/completions/ovsi", *words, cwd="/")
    return shown.split()


def test_bash_completion(environment: Path) -> None:
    assert _bash(environment, "ovsi", "re") == ["restore"]
    assert _bash(environment, "ovsi", "dump", "--mo") == ["--mountpoint", "--mount-id"]
    assert _bash(environment, "ovsi", "restore", "--accept", "un") == ["unproved"]
    assert _bash(environment, "ovsi", "restore", "--target", "/pro") == ["/proc"]
    assert _bash(environment, "ovsi", "show", "/pro") == ["/proc"]
    assert str(os.getpid()) in _bash(environment, "ovsi", "dump", "--pid", str(os.getpid()))
    for command, option in _options():
        assert f"--{option}" in _bash(environment, "ovsi", command, "--"), f"{command} --{option}"


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completion(environment: Path, tmp_path: Path) -> None:
    file = environment / "share/fish/vendor_completions.d/ovsi.fish"
    listed = {command: set[str]() for command, _ in _options()}
    script = "".join(f'complete -C "ovsi {command} --" | string replace -r "^" "{command} ";' for command in listed)
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    shown = _run("fish", "--no-config", "-c", f"source {file}; {script} complete -C 'ovsi val'", env=home)
    for line in shown.splitlines():
        command, _, rest = line.partition(" ")
        listed.setdefault(command.partition("\t")[0], set()).add(rest.partition("\t")[0])
    assert "validate" in listed
    for command, option in _options():
        assert f"--{option}" in listed[command], f"{command} --{option}"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completion(environment: Path, tmp_path: Path) -> None:
    """What it hands to zsh's own _arguments, which a function stands in for."""
    script = (
        "fpath=($1 $fpath); autoload -Uz _ovsi;"
        "_arguments() { print -l -- $@ }; _describe() { print -l -- $subcommands };"
        "words=(ovsi $2 x); CURRENT=$3; _ovsi"
    )
    functions = environment / "share/zsh/site-functions"

    def shown(command: str, word: int) -> str:
        return _run("zsh", "-f", "-c", script, "zsh", functions, command, str(word), env={"HOME": str(tmp_path)})

    assert "validate:say whether" in shown("va", 2)
    for command, option in _options():
        assert f"--{option}[" in shown(command, 3), f"{command} --{option}"
