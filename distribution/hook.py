"""Build hook: the manual page and the shells' completion go into the wheel, made from the table of subcommands."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedData(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is not used
    """Files below the prefix that the wheel is installed to."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the files to a temporary directory and name them to the builder."""
        sys.path[:0] = [self.root, str(Path(self.root) / "reference")]
        from distribution.files import FILES

        self._made = TemporaryDirectory()
        for name, make in FILES.items():
            path = Path(self._made.name) / Path(name).name
            path.write_text(make(), encoding="utf-8")
            build_data["shared_data"][str(path)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove them again."""
        self._made.cleanup()
