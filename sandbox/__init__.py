"""Everything local: the OMNI API sandbox, and the stand-ins for AWS."""
