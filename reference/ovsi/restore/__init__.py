"""A plan executed: every source opened and compared, the stack built and checked unseen, then shown by one move."""

from __future__ import annotations

from .result import Accepted as Accepted
from .result import Done as Done
from .result import Result as Result
from .run import plan_for as plan_for
from .run import restore as restore
