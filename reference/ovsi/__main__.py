"""`python -m ovsi`."""

from .start import run

run()
