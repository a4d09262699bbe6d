"""Re-checks of cases: when a host's are due, what is asked for, what came of it, and the events that follow."""
