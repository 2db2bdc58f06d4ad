"""Becomes the given command. The command dies with its parent, even if SIGKILL ends the parent.

Run as `python -I -S launcher.py PARENT_PID PROGRAM ARGUMENT...`. It is a program of its own because `preexec_fn`, which
runs between fork and exec, may deadlock in a process with threads.
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
