"""How many of the files of small sites, one trick each, a recrawl finds, beside other crawlers and a browser."""
