"""Patience with what is busy for a moment, on a machine where others look at all mounts."""

import errno
import os
import time
from collections.abc import Callable

_PATIENCE = 30.0
"""Seconds: whoever looks holds a mount for milliseconds, but may have to wait for a processor."""


def until_free(call: Callable[[], object]) -> None:
    """Call until it succeeds, as long as it fails with EBUSY. Raises its OSError in the end."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            call()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            os.sched_yield()
        else:
            return
