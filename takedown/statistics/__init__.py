"""How long files stay: the clocks of cases as intervals, and what is counted of them by host, provider and country."""
