"""Fuzz targets: what any bytes from outside may not do to the parts that read them.

Each target is a module with `check(data)`, which raises when a promise is broken, and `TOKENS`, pieces of its
language. `test_fuzz.py` does a short round of all in `make test`; `make fuzz MINUTES=10` a long, coverage-guided one.
"""
