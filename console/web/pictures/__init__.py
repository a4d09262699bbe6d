"""Draws pictures for pages as SVG, each with words for who does not see it and the table of its numbers."""
