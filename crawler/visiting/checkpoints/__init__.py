"""Where a recrawl is, as bytes: another crawl process goes on there, in the next slice or after this one was killed."""
