"""Following each message to its end: its record, OMNI's reports, and what happens if it is not delivered."""
