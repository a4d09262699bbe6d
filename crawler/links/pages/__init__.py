"""The links of a page: its markup, its attributes, and what may be a reference in the rest of its bytes."""
