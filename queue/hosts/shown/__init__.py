"""Reads hosts for people and programs: lists, the state of one, why it is not visited, what it showed, what comes."""
