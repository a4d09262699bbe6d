"""One verification or rematch from its beginning to its end, under the run lock."""
