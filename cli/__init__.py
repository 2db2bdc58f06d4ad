"""`omni-relay`: the operator's command.

app.py is the command itself: its verbs, and the one place where errors become messages and exit codes. A file of verbs/
is one verb: its options and its help. frame.py, target.py and output.py are what the verbs share. Modules that need
more than click are imported when a verb runs, because help and completion must be quick.
"""
