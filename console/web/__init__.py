"""Serves pages to people, and an API to programs: what they may see and do, after they said who they are."""
