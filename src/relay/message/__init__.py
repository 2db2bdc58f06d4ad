"""Reads a message as a sender writes it: who gets it, what each channel says, and what fits there."""
