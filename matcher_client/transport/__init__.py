"""HTTP to a matching service: bounded, verified, and its answers read with care."""
