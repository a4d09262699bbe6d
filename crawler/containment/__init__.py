"""Makes the kernel contain the crawl process: no store, no write, no other port, no privilege."""
