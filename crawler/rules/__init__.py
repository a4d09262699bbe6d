"""Pure decisions, with no I/O: which URL, host or address may be asked, and why not."""
