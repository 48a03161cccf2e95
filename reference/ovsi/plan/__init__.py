"""From an image to what would be done to build its mounts again, as plain data."""

from .make import make_plan as make_plan
from .records import Host as Host
from .records import Mapping as Mapping
from .records import Plan as Plan
from .records import Request as Request
from .show import as_data as as_data
from .show import lines as lines
from .show import parse_map as parse_map
