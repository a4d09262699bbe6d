"""What the kernel holds the crawl process to: no store, no disk, no other port, no privilege."""
