"""Implements the protocols of relay.ports with AWS and Powertools."""
