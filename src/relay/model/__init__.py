"""The model: events, dispatches, receipts, and what the queues carry."""
