"""Build hook: what is made when a wheel is built: manual page, completion, modules that are imported at once."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MadeFiles(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is not used
    """Files of the package, and below the prefix that the wheel is installed to."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the files to a temporary directory and name them to the builder."""
        sys.path[:0] = [self.root, str(Path(self.root) / "reference")]
        from distribution.files import FILES, MODULES

        self._made = TemporaryDirectory()
        for kind, files in (("shared_data", FILES), ("force_include", MODULES)):
            for number, (name, make) in enumerate(files.items()):
                path = Path(self._made.name) / f"{kind}-{number}"
                path.write_text(make(), encoding="utf-8")
                build_data[kind][str(path)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove them again."""
        self._made.cleanup()
