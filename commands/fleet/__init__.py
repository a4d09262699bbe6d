"""Commands that are the service or a part of it, or show what it does."""
