"""The local stack: stand-ins for API Gateway, Lambda, SQS polling and schedules, built from template.yaml."""
