"""Decides when each host is visited next, and says why. Pure: no store, no job, no clock."""
