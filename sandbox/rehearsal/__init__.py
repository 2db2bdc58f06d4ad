"""`make rehearse`: the whole life of a deployment, without AWS."""
