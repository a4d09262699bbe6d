"""Collects the texts of the console that people read, and keeps the files of other languages whole.

`python -m tests.console_texts` adds to each file what is new, without a translation, and takes out what no page has.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

WEB = Path(__file__).resolve().parent.parent / "console" / "web"
LANGUAGES = WEB / "languages"
_TEMPLATES = [("templates/**.html", "jinja2"), ("**.py", "python")]
_OPTIONS = {"templates/**.html": {"trimmed": "false", "newstyle_gettext": "true", "silent": "false"}}
# In templates `_("...")` and `{% trans %}`; in modules `to_translate("...")`, which templates show later.
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "to_translate": None}

HEAD = """# The texts of the console in this language; `python -m tests.console_texts` keeps the file whole.
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plurals}\\n"

"""
Text = str | tuple[str, ...]


def texts() -> Iterator[tuple[str, int, Text]]:
    """Yield each text with its file and line; one with a plural is a pair."""
    found = extract_from_dir(str(WEB), _TEMPLATES, _OPTIONS, keywords=_KEYWORDS, comment_tags=())
    for name, line, text, _, _ in found:
        yield name, line, text


def catalog_of(path: Path) -> Catalog:
    """Read a file of a language."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def write_catalog(path: Path, catalog: Catalog) -> None:
    """Write a file of a language, its texts in order, so that two who add to it seldom meet."""
    for one in catalog:
        one.flags.clear()
    body = io.BytesIO()
    write_po(body, catalog, sort_output=True, no_location=True, omit_header=True, ignore_obsolete=True, width=0)
    path.write_bytes(HEAD.format(language=path.stem, plurals=catalog.plural_forms).encode() + body.getvalue())


def main() -> int:
    """Bring each file up to date; returns how many texts have no translation."""
    template = Catalog()
    for _, _, text in texts():
        template.add(text)
    missing = 0
    for path in sorted(LANGUAGES.glob("*.po")):
        catalog = catalog_of(path)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        without = [one.id for one in catalog if one.id and not (any(one.string) if one.pluralizable else one.string)]
        write_catalog(path, catalog)
        print(f"{path.name}: {len(without)} of {len(catalog)} texts have no translation")
        for one in without:
            print(f"  {one!r}")
        missing += len(without)
    return missing


if __name__ == "__main__":
    sys.exit(min(main(), 1))
