"""Requests as they are sent: the headers of a browser or of the access profile, and cookies."""
