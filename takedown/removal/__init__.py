"""Judges checks of cases: whether the file is still there, when that is a removal, and when the next check is due."""
