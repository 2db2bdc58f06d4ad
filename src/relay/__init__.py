"""The domain: events, verification, routing, dispatch and policies. It knows nothing of AWS and runs in a plain Python prompt."""
