"""The suite's own reader judges here too; it is imported from the repository, whatever directory the tests run from."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))
