"""The triggers, one short file each. composition.py builds the parts that they wire together."""
