"""Pages about the hosts that are revisited: all of them, one, and what people change of them."""
