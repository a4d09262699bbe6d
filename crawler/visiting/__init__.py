"""One recrawl: which URL is visited next, what came of each visit, and what is recorded."""
