"""The operator's command: `make push`, `make replay`."""
