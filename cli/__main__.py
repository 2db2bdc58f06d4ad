"""Runs the command: `python -m cli` does what `omni-relay` does."""

import sys

from cli.app import main

if __name__ == "__main__":
    sys.exit(main())
