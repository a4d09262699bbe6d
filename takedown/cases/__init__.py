"""The case of a file at a place: what opens it, what takes it back, and how it is kept."""
