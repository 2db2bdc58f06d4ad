"""relay.yaml and its secrets: read, checked, and turned into parameters."""
