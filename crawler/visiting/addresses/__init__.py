"""The URLs that a recrawl met, and which of them are the same."""
