"""`doctor`: the checks of all on which a promise rests, a line each."""
