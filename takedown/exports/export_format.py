"""The formats in which cases are exported, by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ExportFormat(StrEnum):
    """The formats in which cases are exported."""

    XARF = "xarf"
    ICCAM = "iccam"
    DSA = "dsa"
    CSV = "csv"
    VICS = "vics"
    EML = "eml"
    AVIATOR = "aviator"


# These name their sender.
NEED_REPORTER: Final = frozenset(ExportFormat) - {ExportFormat.VICS, ExportFormat.AVIATOR}
