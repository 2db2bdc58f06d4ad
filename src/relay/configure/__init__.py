"""Configuring: sources, their routes, expressions and schemas, compiled and checked when they are loaded."""
