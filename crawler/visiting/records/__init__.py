"""The records of visits: files, endings, and how hosts and reported URLs answered."""
