"""Pages about what works on the hosts: jobs and workers, deliveries, and the recrawls under way."""
