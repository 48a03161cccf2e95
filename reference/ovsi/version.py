"""What this program calls itself in images and claims; the number is pyproject.toml's, held equal by a test."""

NAME = "ovsi"
VERSION = "0.1.0"
