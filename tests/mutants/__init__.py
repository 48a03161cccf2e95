"""Wrong implementations, each declaring what it breaks, and right ones (`right_…`) that must not be blamed."""
