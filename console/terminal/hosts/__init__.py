"""Shows people the hosts that are revisited, and changes them."""
