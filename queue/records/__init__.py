"""What the store keeps of recrawls, runs, batches and sweeps; each module is the one writer of its keys."""
