"""What is made for a wheel: a file's name, and what makes the text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from distribution import at_once, completion, manual

FILES: dict[str, Callable[[], str]] = {
    "share/man/man1/ovsi.1": manual.page,
    "share/bash-completion/completions/ovsi": completion.bash,
    "share/zsh/site-functions/_ovsi": completion.zsh,
    "share/fish/vendor_completions.d/ovsi.fish": completion.fish,
}
"""Below the prefix."""

MODULES: dict[str, Callable[[], str]] = {
    f"ovsi/at_once/{command}.py": partial(at_once.source, command) for command in (*at_once.COMMANDS, *at_once.GROUPS)
}
"""In the packages."""
