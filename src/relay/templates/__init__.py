"""Templates: the texts of messages, rendered by Jinja2 within limits that hostile events meet."""
