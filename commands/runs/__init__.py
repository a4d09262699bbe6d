"""Commands that do one run from beginning to end."""
