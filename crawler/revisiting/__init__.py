"""FETCH again: what is known of a host's answers, and how a file is asked for that probably has not changed."""
