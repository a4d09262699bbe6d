"""ASK: whether a digest is known; service protocols and local hash lists."""
