"""Every text of the console is there in each language, with the same places for what is put into it."""

from __future__ import annotations

import re
from itertools import chain

import pytest
from babel.messages.catalog import Catalog
from console_texts import LANGUAGES, catalog_of, texts

PLACE = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("language", sorted(path.stem for path in LANGUAGES.glob("*.po")))
def test_each_text_has_a_translation_with_the_same_places_and_none_is_left_over(language: str) -> None:
    catalog = catalog_of(LANGUAGES / f"{language}.po")
    used = {text if isinstance(text, str) else text[0] for _, _, text in texts()}
    assert len(used) > 100
    assert sorted(used - translated(catalog)) == []
    assert sorted(translated(catalog) - used) == []
    for one in catalog:
        ids, strings = (([it] if isinstance(it, str) else list(it)) for it in (one.id, one.string))
        wanted = set(chain.from_iterable(PLACE.findall(it) for it in ids))
        assert [(it, set(PLACE.findall(it)) <= wanted) for it in strings] == [(it, True) for it in strings]
        assert wanted == set(chain.from_iterable(PLACE.findall(it) for it in strings))


def translated(catalog: Catalog) -> set[str]:
    """The texts of a catalog that are translated whole."""
    return {
        one.id if isinstance(one.id, str) else one.id[0]
        for one in catalog
        if one.id and (one.string if isinstance(one.string, str) else all(one.string))
    }
