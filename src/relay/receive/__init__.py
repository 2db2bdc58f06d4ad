"""Webhooks and firings of schedules become verified events, or are refused."""
