"""The formats in which cases are exported, by name."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """The formats in which cases are exported; takedown/exports/ makes them."""

    XARF = "xarf"
    ICCAM = "iccam"
    DSA = "dsa"
    CSV = "csv"
    VICS = "vics"
    EML = "eml"
    AVIATOR = "aviator"
