"""`python -m app.ops.bound_child COMMAND`: runs COMMAND so that it ends when its parent does and no orphan keeps a port (Linux).

A program of its own, because the supervisor must not run Python between fork and exec: with threads of an SDK around, the
child can be born holding one of their locks and never get to exec (seen with gRPC).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the supervisor's own command, no shell


if __name__ == "__main__":
    main()
