"""`orbweaver run` for twenty minutes, with a `verify` beside it: nothing is lost, and memory and store level off."""
