"""The triggers, one short file each; what they wire together is built in composition.py."""
