"""Pages in front of others that want a click, and the way through them."""
