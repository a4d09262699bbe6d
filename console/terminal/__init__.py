"""Shows in a terminal what the commands do and find, and writes their output files."""
