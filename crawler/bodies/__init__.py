"""A body's bytes, as they stream past: decoded, unpacked and hashed, and kept nowhere."""
