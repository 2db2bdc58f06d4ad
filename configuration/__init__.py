"""Configuration: reads relay.yaml and its secrets, checks them, and turns them into parameters."""
