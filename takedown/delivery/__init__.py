"""Events on their way to the takedown engine."""
