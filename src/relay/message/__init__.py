"""The message: who gets it, what each channel says, and what fits there."""
