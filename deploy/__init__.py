"""Builds the system for AWS, deploys it, protects it and removes it: the verbs of the Makefile, in Python.

SAM CLI's environment runs this package, so it imports nothing of the project.
"""
