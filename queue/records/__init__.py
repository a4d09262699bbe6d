"""Keeps recrawls, runs, batches and sweeps in the store; each module is the one writer of its keys."""
