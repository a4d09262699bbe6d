"""Answers one kind of question each: calls what the pages and the commands call, and returns plain values."""
