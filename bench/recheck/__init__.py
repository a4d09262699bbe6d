"""Measures what re-checking many open cases costs, without the fetches: CPU seconds of our processes and the store."""
