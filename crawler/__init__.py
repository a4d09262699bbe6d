"""FETCH: one scope in one sandboxed process; bytes stream into digests and are gone."""
