"""KEEP: metadata only; the Redis/Valkey connection, the embedded server, key names, durability checks."""
