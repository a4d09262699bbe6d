"""Hit reports: the lists of cases, the page of one, and what an analyst does there."""
