"""The error that ends a command."""


class CannotDeployError(Exception):
    """Something is missing or doesn't fit. The message is one line that says what to do."""
