"""Print the requirements of some of pyproject.toml's extras, a line each, without installing the project itself.

`build` stands for the build system's own requirements. An extra that names another extra of the project includes it.
"""

import re
import sys
import tomllib
from pathlib import Path


def requirements(extras: list[str]) -> list[str]:
    """Requirement strings of the named extras, each once, in order."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"] | {"build": project["build-system"]["requires"]}
    own = re.compile(rf"{project['project']['name']}\[(.*)\]$")

    def expand(names: list[str]) -> list[str]:
        lines: list[str] = []
        for line in (line for name in names for line in optional[name]):
            inner = own.match(line)
            lines += expand(inner[1].split(",")) if inner else [line]
        return lines

    return list(dict.fromkeys(expand(extras)))


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
