"""What the tests stand on: sandboxes, stacks, their builder, judges, and the runner of an implementation."""
