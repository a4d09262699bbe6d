"""Retention: what of cases and of the audit log is over its time limit, and what is left of it after that."""
