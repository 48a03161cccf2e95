"""What this program calls itself in images and claims; the package takes its version from here."""

NAME = "ovsi"
VERSION = "0.1.0"
