"""Orbweaver's own matching server, over a built hash list."""
