"""What the commands show in a terminal, and the files that they write."""
