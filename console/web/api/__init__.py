"""Answers programs under /api/v1: what may be asked, by whom, how often and how much, and in which form."""
