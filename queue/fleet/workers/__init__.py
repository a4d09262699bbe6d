"""Worker processes: what each is, what it waits for, and how a run starts and ends its own."""
