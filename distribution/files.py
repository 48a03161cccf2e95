"""What is installed beside the packages: name below the prefix, and what makes the text."""

from __future__ import annotations

from collections.abc import Callable

from distribution import completion, manual

FILES: dict[str, Callable[[], str]] = {
    "share/man/man1/ovsi.1": manual.page,
    "share/bash-completion/completions/ovsi": completion.bash,
    "share/zsh/site-functions/_ovsi": completion.zsh,
    "share/fish/vendor_completions.d/ovsi.fish": completion.fish,
}
