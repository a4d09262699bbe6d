"""From what a hotline hands in to recrawl orders: reports, access profiles, one order a host."""
