"""Starts `make run`. Ctrl-C ends it quietly even while Python is still importing."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would print a traceback of the imports
    from sandbox.running import main

    sys.exit(main())
