"""Configuring: sources, routes and expressions, checked when they are loaded."""
