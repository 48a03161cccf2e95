"""What is run once before and once after the whole: `--impl-setup` and `--impl-teardown`."""

import shlex
import subprocess


def fault_of(text: str) -> str | None:
    """Run a command, split as a shell would, here and now; what went wrong, None: nothing did."""
    try:
        ran = subprocess.run(shlex.split(text), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except (OSError, ValueError) as error:
        return f"{text}: {error}"
    if ran.returncode == 0:
        return None
    said = (ran.stderr or ran.stdout).decode("utf-8", "backslashreplace").strip()[-500:]
    return f"{text}: exit {ran.returncode}" + (f": {said}" if said else "")
