"""Crawls synthetic sites with Orbweaver and with what else could do its job, side by side: `python -m bench.crawl`."""
