"""`make run`. Until there is something to stop, Ctrl-C ends it as quietly as any program."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would print where in the imports it was
    from sandbox.running import main

    sys.exit(main())
