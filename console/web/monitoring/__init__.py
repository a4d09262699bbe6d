"""Tells those who watch a running Orbweaver from outside how it stands, in numbers and in one word."""
