"""Shows people the fleet: the service of a store, its workers, its jobs, and the recrawls under way."""
