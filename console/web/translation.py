"""The languages of the console: reads the files in languages/, and chooses one for a browser."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

ENGLISH: Final = "en"
FOLDER: Final = Path(__file__).parent / "languages"


def to_translate(text: str) -> str:
    """Return a text as it is: a template shows it in the language of the page, and it is collected from here."""
    return text


@cache
def languages() -> Mapping[str, Translations]:
    """Return the texts of each language by its code; English, which the templates are written in, has none."""
    return {ENGLISH: Translations(), **{path.stem: _read(path) for path in sorted(FOLDER.glob("*.po"))}}


def chosen(wanted: str | None, accepted: str | None) -> str:
    """Return the code of the language for a browser: the one that was chosen, else what `Accept-Language` likes most.

    RFC 9110, 12.5.4: `sv-SE,sv;q=0.9,en;q=0.8`. What we have not, or cannot be read, is passed over.
    """
    known = languages()
    if wanted in known:
        return str(wanted)
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate((accepted or "")[:1000].split(",")):
        tag, _, parameters = part.strip().partition(";")
        code = tag.strip().partition("-")[0].lower()
        if code in known:
            liked.append((-_quality(parameters), place, code))
    return min(liked)[2] if liked else ENGLISH


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def _read(path: Path) -> Translations:
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=path.stem))
    compiled.seek(0)
    return Translations(compiled)
