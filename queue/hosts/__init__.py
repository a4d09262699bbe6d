"""Keeps the hosts that are revisited: records, due times, who has each one now, and what its visits found."""
