"""An event's routes make dispatches, and each is sent once, queued or parked."""
