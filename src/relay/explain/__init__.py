"""Says what the relay would do with an event, and why. It uses the relay's own functions, and sends nothing."""
