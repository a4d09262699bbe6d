"""Finds the links in documents and headers, in linear time on any bytes."""
