"""Worker processes: how they start, what they log, what watches them and who cleans up after dead ones."""
