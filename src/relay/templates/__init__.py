"""Renders the texts of messages by Jinja2, within limits that hostile events meet."""

from relay.templates.template import VARIABLES, Template, compile_template

__all__ = ["VARIABLES", "Template", "compile_template"]
