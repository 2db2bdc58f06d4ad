"""What is measured and computed about the relay."""
