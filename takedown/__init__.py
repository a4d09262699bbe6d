"""RAISE: a case per match, its events, and their delivery to the takedown engine."""
