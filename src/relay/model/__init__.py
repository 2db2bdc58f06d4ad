"""Holds the model: events, dispatches, receipts, and the items of the queues."""
