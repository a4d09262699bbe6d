"""SEE: what operators and analysts read; so far in the terminal."""
