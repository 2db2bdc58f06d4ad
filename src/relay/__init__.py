"""The domain, from a request to its receipt. It knows nothing of AWS."""
