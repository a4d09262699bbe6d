"""Shows what the `hashlist` commands do, and builds the list that `--hashes` gives as it is."""
