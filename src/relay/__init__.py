"""The domain: events, verification, routing, dispatch and policies; it knows nothing of AWS."""
