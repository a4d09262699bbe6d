"""The formats in which assessments are exported."""

from enum import StrEnum


class ListFormat(StrEnum):
    """A hash list as `hashlist build` reads it, or VICS 2.0 JSON."""

    CSV = "csv"
    VICS = "vics"
