"""Simulates a fleet whose policy decides which of many hosts is visited next, and measures how soon uploads are found.

Seeded, without a store or a clock: days are numbers. `bench/policy` compares our policy with those of others on hosts
that it draws; `orbweaver schedule simulate` compares our settings on a store's own hosts.
"""
