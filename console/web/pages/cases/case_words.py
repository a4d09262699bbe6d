"""Words that modules of console/ write about evidence, and that pages show in the language of the reader."""

from __future__ import annotations

from typing import Final

from orbweaver.console.web.translation import to_translate

# Of console/evidence_wording.py, console/case_wording.py, and of decisions.
WORDS: Final = (
    to_translate("match"),
    to_translate("list"),
    to_translate("category"),
    to_translate("entry"),
    to_translate("held"),
    to_translate("released"),
    to_translate("rejected"),
    to_translate("nothing confirms its MD5 or SHA-1"),
    to_translate("the list gives another size"),
    to_translate("the category table does not have the category"),
    to_translate("the list disputes its entry"),
    to_translate("it is on a benign list too"),
    to_translate("the list withdrew its entry"),
    to_translate("it is no longer on the list"),
    to_translate("people refused the file, or the case"),
    to_translate(
        "when the hotline received the first report: no report says it, or the file was not seen since a rematch"
    ),
    to_translate("the address that answered: a proxy hid it"),
    to_translate("what kind of file it is: its first bytes show none that is known"),
    to_translate("whether the whole file came: the server said its end by closing the connection"),
    to_translate("which version of the list answered: its service does not say"),
    to_translate("whether the size agrees: no list gives one"),
    to_translate("who caused the events before schema 1.2, and why"),
    to_translate("whether the takedown engine has acted: it acknowledged nothing"),
)
