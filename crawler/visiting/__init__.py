"""One visit of a host: what is visited next, what came of it, and what is recorded."""
