"""The benchmark of a second visit: an unchanged host behind a slow link, and what it costs to look at it again."""
