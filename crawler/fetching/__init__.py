"""One request: whether and when it may be sent, over which connection, and what came back."""
