"""Shows people the cases: a block for each file, with its evidence and its places."""
