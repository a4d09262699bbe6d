"""All sites of the benchmark, a module for each kind of trick."""

from __future__ import annotations

from bench.recall.site import Site
from bench.recall.sites import (
    addresses,
    archives,
    asked,
    attributes,
    documents,
    elements,
    encodings,
    gates,
    scripts,
    streams,
    strictness,
    styles,
)

MODULES = (
    elements, attributes, scripts, styles, streams, documents, encodings, addresses, asked, gates, strictness, archives,
)  # fmt: skip
SITES: tuple[Site, ...] = tuple(one for module in MODULES for one in module.SITES)
