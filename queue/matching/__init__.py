"""Asking about digests, now and again, and settling the answers as cases."""
