"""`python -m ovsi`."""

from .cli import run

run()
