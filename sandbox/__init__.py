"""Everything that only runs locally: the OMNI API sandbox and the stand-ins for AWS."""
