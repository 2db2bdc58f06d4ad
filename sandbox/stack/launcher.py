"""Becomes the given command, which then dies with its parent, even if the parent is killed with SIGKILL.

Run as `python -I -S launcher.py PARENT_PID PROGRAM ARGUMENT...`. It stands between fork and exec because code that runs
there inside a process with threads (`preexec_fn`) may deadlock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # the parent died before the request took effect
            sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
