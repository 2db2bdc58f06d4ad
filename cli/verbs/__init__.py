"""The verbs of `omni-relay`, one file each. A file defines `command`, and app.py lists it."""
