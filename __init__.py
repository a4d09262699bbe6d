"""Orbweaver recrawls reported hosts, recognises known files by hash and opens takedown cases; metadata only."""

__version__ = "0.1.0"
