"""A hostile kernel: a restore is killed at every system call, and every call fails with every plausible errno.

`python -m tests.hostile --help`. How it works:

- `runner` hands points (a call of a process of the program, and what happens there) to two `worker` processes.
- a worker has one user namespace in which it is root, so that an ordinary user can run all of this, and forks a
  `case` for each point: a fresh mount namespace with a `world` (sources, image, target) on a private tmpfs.
- a case forks the program, drives it by `tracer` (over `ptrace`), and lets `judge` look at what is left.
- `names` and `errnos` are the tables: calls by number, and the errnos that each can fail with.
- `example` is a small restorer with deliberate defects, on which `tests/test_hostile.py` proves the judge.
"""
