"""Stands before each service: its health, its canary, and verdicts kept for a while."""
