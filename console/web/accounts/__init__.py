"""Knows the people who use the console: their accounts and roles, their passwords, their sessions."""
