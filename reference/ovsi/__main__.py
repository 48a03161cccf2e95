"""`python -m ovsi`."""

import sys

from .cli import main

sys.exit(main())
