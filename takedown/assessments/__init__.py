"""Decisions of people about files, by their digests: kept for ever, and applied wherever the file is found."""
