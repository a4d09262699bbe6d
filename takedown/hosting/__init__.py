"""Where a file is hosted: from its address to country, network, provider and route, and whether it has moved."""
