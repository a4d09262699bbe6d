"""Connections to hosts: which address may be dialled, through what, and how an answer is read from the wire."""
