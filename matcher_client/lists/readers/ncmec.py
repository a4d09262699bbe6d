"""Reads NCMEC Hash Sharing v2 XML: answers to `GET /v2/entries`, one page in each file.

Source: NCMEC's Hash Sharing API v2 as python-threatexchange reads it (exchanges/clients/ncmec/hash_api.py and the
documents of its tests): `queryResult / images|videos / image|video|deletedImage|deletedVideo`, each with `member@id`,
`id`, `timestamp`, `classification` (A1, A2, B1, B2) and `fingerprints` (md5, sha1 and perceptual ones). Ids are unique
only within a member. A deleted entry has no fingerprints. Feedback is the opinion of another member on a fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from orbweaver.matcher_client.errors import BadFileError, BadRowError
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.row import (
    NO_DIGESTS,
    LeftOutRow,
    Read,
    RefusedRow,
    Row,
    read_digests,
    read_moment,
    read_text,
)
from orbweaver.model import EntryStatus

DEFAULT_LIST = "ncmec"
SCHEME = "ncmec"
_NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2 "
_BLOCK_BYTES = 64 * 1024
# A fingerprint has a few hundred characters; larger ones come by reference.
_MOST_TOKEN_BYTES = 4 * 2**20
_MOST_TEXT = 4_096
_MOST_DEPTH = 32
_ENTRIES = frozenset({"image", "video", "deletedImage", "deletedVideo"})
_FIELDS = frozenset({"member", "id", "timestamp", "classification"})
# Of the types that feedback can be about, those that we match.
_OURS = frozenset({"md5", "sha1"})


class QueryResult:
    """A query result: iterate over its rows, once; then `next_page` is the address of the next page, None without one.

    An entry is disputed when a member gave negative feedback on its MD5 or SHA-1. Raises BadFileError.
    """

    def __init__(self, file: BinaryIO, name: str, *, list_name: str = DEFAULT_LIST) -> None:
        self.next_page: str | None = None
        self._file = file
        self._name = name
        self._list = list_name
        self._records = 0
        self._rows: list[Read] = []
        self._path: list[str] = []
        self._texts: dict[str, str] = {}
        self._wanted: str | None = None
        self._is_disputed = False

    def __iter__(self) -> Iterator[Read]:
        parser = expat.ParserCreate("UTF-8", " ")
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._take_text
        fed = 0
        try:
            while block := self._file.read(_BLOCK_BYTES):
                parser.Parse(block)
                fed += len(block)
                yield from self._rows
                self._rows.clear()
                if fed - parser.CurrentByteIndex > _MOST_TOKEN_BYTES:
                    raise BadFileError(f"has more than {_MOST_TOKEN_BYTES:,} bytes of XML in one piece")
        except expat.ExpatError as error:
            yield from self._rows
            what = f"{expat.ErrorString(error.code)}, line {error.lineno}"
            raise BadFileError(f"is damaged ({what}): get it again") from error
        try:
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise BadFileError("ends early: get a complete copy") from error
        yield from self._rows

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not name.startswith(_NAMESPACE) or (not self._path and name != f"{_NAMESPACE}queryResult"):
            raise BadFileError("is XML, and not a query result of NCMEC's hash sharing, version 2: give that")
        if len(self._path) >= _MOST_DEPTH:
            raise BadFileError(f"has XML elements more than {_MOST_DEPTH} deep")
        element = name.removeprefix(_NAMESPACE)
        self._path.append(element)
        depth = len(self._path)
        self._wanted = None
        if depth == 3 and element in _ENTRIES:
            self._records += 1
            self._texts = {}
            self._is_disputed = False
        elif depth == 4 and element in _FIELDS and self._path[2] in _ENTRIES:
            self._wanted = element
            if element == "member":
                self._texts["member@id"] = attributes.get("id", "")
        elif depth == 4 and element == "id":
            # An element with an id is an entry; this one is of a kind that this release does not know.
            self._records += 1
            reason = f"an entry of a kind that is not known: {self._path[2][:40]}"
            self._rows.append(RefusedRow(self._name, f"record {self._records}", reason))
        elif depth == 5 and self._path[3] == "fingerprints":
            self._texts.setdefault(element, "")
            self._wanted = element if element in _OURS else None
        elif depth == 5 and element == "negativeFeedback" and attributes.get("type", "").lower() in _OURS:
            self._is_disputed = True
        elif self._path[1:] == ["paging", "next"]:
            self._wanted = "next"

    def _take_text(self, text: str) -> None:
        if self._wanted is not None and len(so_far := self._texts.get(self._wanted, "")) <= _MOST_TEXT:
            self._texts[self._wanted] = so_far + text

    def _end(self, _: str) -> None:
        self._wanted = None
        element = self._path.pop()
        if len(self._path) == 2 and element in _ENTRIES:
            try:
                self._rows.append(self._make_row(element.startswith("deleted")))
            except BadRowError as bad:
                self._rows.append(RefusedRow(self._name, f"record {self._records}", str(bad)))
        elif element == "next" and len(self._path) == 2:
            self.next_page = self._texts.pop("next", "").strip() or None

    def _make_row(self, is_deleted: bool) -> Read:
        texts = {name: text.strip() for name, text in self._texts.items()}
        if not (texts.get("member@id") and texts.get("id")):
            raise BadRowError("the entry has no member and id")
        entry_id = read_text(f"{texts['member@id']}/{texts['id']}", "entry id")
        changed_at = read_moment(texts.get("timestamp"), "timestamp")
        withdrawn = Label(self._list, None, SCHEME, EntryStatus.WITHDRAWN)
        deletion = Row(NO_DIGESTS, withdrawn, entry_id=entry_id, changed_at=changed_at or 0)
        if is_deleted:
            return deletion
        digests, spoilt = read_digests(None, texts.get("sha1"), texts.get("md5"))
        if digests == NO_DIGESTS:
            return LeftOutRow("no MD5 and no SHA-1, only other fingerprints", takes_back=deletion)
        category = read_text(texts.get("classification"), "classification")
        status = EntryStatus.DISPUTED if self._is_disputed else None
        label = Label(self._list, category, SCHEME, status)
        return Row(digests, label, entry_id=entry_id, changed_at=changed_at or 0, spoilt=spoilt)


def _refuse_doctype(*_: object) -> None:
    raise BadFileError("has a document type declaration, which no hash list needs")


def read(file: BinaryIO, name: str, *, list_name: str) -> Iterator[Read]:
    """Yield the rows of a query result; raises BadFileError."""
    return iter(QueryResult(file, name, list_name=list_name))
