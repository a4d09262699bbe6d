"""Where events go: a file for each kind of sink, and the one that opens them by their addresses."""
