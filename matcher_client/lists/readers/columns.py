"""The header of a CSV of digests: which columns have digests, in the words of forensic tools in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from orbweaver.matcher_client.errors import BadFileError
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES

DELIMITERS: Final = (",", ";", "\t")
DIGEST_COLUMNS: Final = tuple(DIGEST_BYTES)
# A column of digests that says no algorithm, or says it in another column, as PowerShell's and EnCase's.
ANY_DIGEST: Final = "hash"
ALGORITHM: Final = "algorithm"
# Column names as they are compared: lower case, without "-", "_" and spaces.
COLUMNS: Final = frozenset((*DIGEST_COLUMNS, ANY_DIGEST, "size", "category", "scheme", "entryid", "list", "status"))
# As FTK, EnCase, X-Ways and others call a column of digests: `MD5 Hash`, `SHA-1 hash value`, `Hash1 (SHA-256)`.
_DIGEST_NAME = re.compile(
    r"(?:hash\d?)?\(?(md5|sha1|sha256)\)?(?:hash|hashvalue|value|sum|digest|checksum)?\(?(base64|base32|hex)?\)?"
)
_ANY_DIGEST_NAMES = frozenset({"hash", "hashvalue", "filehash", "digest", "checksum"})
# A column that names the algorithm of the digest in the column beside it; and how that one may be called then.
_ALGORITHM_NAMES = frozenset({"algorithm", "algo", "hashtype", "hashalgorithm"})
_TYPE_NAMES = frozenset({"type", "indicatortype", "attributetype", *_ALGORITHM_NAMES})
_VALUE_NAMES = frozenset({"value", "indicator", "hashvalue", "digestvalue"})
# The words for "hash", "sum", "value" and "file" that stand beside an algorithm: English, German, Swedish, Danish,
# Norwegian, Dutch, French, Italian, Spanish, Portuguese, Polish, Czech, Finnish.
_WORDS = frozenset(
    {"hash", "hashes", "hashvalue", "value", "values", "sum", "sums", "digest", "checksum", "file", "files", "of"}
    | {"the", "base64", "base32", "hex"}
    | {"hashwert", "hashwerte", "wert", "summe", "prüfsumme", "pruefsumme", "datei", "der"}
    | {"kontrollsumma", "summa", "hashvärde", "värde", "fil", "filens", "kontrolsum", "hashværdi", "værdi"}
    | {"sjekksum", "kontrollsum", "hashverdi", "verdi", "controlegetal", "controlesom", "hashwaarde", "waarde"}
    | {"bestand", "empreinte", "somme", "contrôle", "controle", "de", "du", "fichier", "valeur", "hachage"}
    | {"impronta", "somma", "valore", "suma", "huella", "resumen", "valor", "archivo", "fichero", "ficheiro"}
    | {"arquivo", "soma", "skrót", "skrot", "sumy", "kontrolna", "pliku", "wartość", "kontrolní", "součet"}
    | {"soubor", "hodnota", "tiiviste", "tarkistussumma"}
)
_ALGORITHM_IN_NAME = re.compile(r"(?<![^\W_])(?:(md)[-_ ]?(5)|(sha)[-_ ]?(?:2[-_ ])?(1|256))(?![^\W_])")
_WORD = re.compile(r"[^\W_]+")

# A name that says another algorithm than ours.
_OTHER_ALGORITHM: Final = re.compile(
    r"ripemd|rmd160|tiger|whirlpool|md[246](?!\d)|ntlm|nthash|imphash|ed2k|edonkey|crc|sha(?:224|384|512|3)|blake|"
    r"xxh|photodna|pdq|tlsh|ssdeep|quickxor|sha1git|gost|sm3|keccak|streebog"
)
# The parts of a file's name that say so. CRC, Tiger and Whirlpool are also names of organisations and operations.
_OTHER_FILE = re.compile(
    r"(?:b3|b2|blake\w*|xxh\w*|sha(?:224|384|512|3)|md[24]|ripemd\w*|rmd160|ntlm|imphash|pdq|tlsh|ssdeep|keccak\w*|sm3)"
    r"(?:sums?)?"
)

_DIGEST = re.compile(rb"[\\\"]?(?:0x)?[0-9A-Fa-f]{32}")
_LINES_ABOVE: Final = 20

Header = tuple[str, list[str]]


def split_header(line: bytes) -> Header:
    """Return the delimiter of a line that may be a header, and its column names in the form for comparison."""
    text = header_text(line)
    headers = {mark: [column_name(field) for field in text.split(mark)] for mark in DELIMITERS}
    delimiter = max(headers, key=lambda mark: (len(COLUMNS.intersection(headers[mark])), len(headers[mark])))
    return delimiter, _with_algorithm(headers[delimiter])


def header_text(line: bytes) -> str:
    """Return the text of a header; one that is not UTF-8 is of a Western Windows, or its words are none of ours."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def unread_digests(line: bytes, header: Header) -> str | None:
    """Return the columns of a header that name an algorithm of ours and are not read, such as `Parent MD5`."""
    written = header_text(line).split(header[0])
    unread = [
        column.strip().strip("\"'")
        for column, name in zip(written, header[1], strict=True)
        if name not in COLUMNS and _ALGORITHM_IN_NAME.search(column.lower())
    ]
    return ", ".join(unread)[:60] or None


def first_headers(head: bytes) -> Iterator[list[str]]:
    """Yield the first lines of a text, read as headers: titles and comments may stand above the header."""
    for line in head.split(b"\n", _LINES_ABOVE)[:_LINES_ABOVE]:
        yield split_header(line.strip(b"\r #"))[1]


def read_header(line: bytes) -> Header | None:
    """Return delimiter and column names of a header with digests, None for another line.

    Raises BadFileError for a header of which we could not tell what its digests are.
    """
    delimiter, header = split_header(line)
    known = [name for name in header if name in COLUMNS]
    if not set(known).isdisjoint(DIGEST_COLUMNS):
        known = [name for name in known if name != ANY_DIGEST]
    if not known:
        # The name of a file behind a digest says nothing.
        is_row = _DIGEST.match(line) is not None
        if len(header) == 1 and not is_row and names_another_algorithm(header[0]):
            raise BadFileError(OF_ANOTHER_ALGORITHM)
        return None
    if not set(known).intersection((*DIGEST_COLUMNS, ANY_DIGEST)):
        raise BadFileError("has no md5, sha1 or sha256 column: name one in its header")
    if twice := next((name for name in known if known.count(name) > 1), None):
        raise BadFileError(f"has two columns {twice}: keep one")
    return delimiter, header


OF_ANOTHER_ALGORITHM: Final = (
    "is of digests that are not MD5, SHA-1 or SHA-256, as its first line says: give one of those"
)


def column_name(written: str) -> str:
    """Return a column's name in the form for comparison; that of a column of digests is their algorithm.

    >>> [column_name(name) for name in ("SHA-256-Hashwert", "Prüfsumme (MD5)", "hashes_SHA-1", "Parent MD5", "Size 2")]
    ['sha256', 'md5', 'sha1', 'parentmd5', 'size2']
    """
    lower = written.strip().strip("\"'").lower()
    name = lower.replace("-", "").replace("_", "").replace(" ", "")
    if name in _ANY_DIGEST_NAMES:
        return ANY_DIGEST
    of_digest = _DIGEST_NAME.fullmatch(name)
    if of_digest is not None:
        return of_digest[1]
    found = _ALGORITHM_IN_NAME.findall(lower)
    if len(found) == 1 and _WORDS.issuperset(_WORD.findall(_ALGORITHM_IN_NAME.sub(" ", lower))):
        return "".join(found[0])
    return name


def _with_algorithm(header: list[str]) -> list[str]:
    """Return a header in which the columns of an algorithm and of its digests have our names."""
    if not {*DIGEST_COLUMNS}.isdisjoint(header):
        return header
    if ANY_DIGEST in header:
        return [ALGORITHM if name in _ALGORITHM_NAMES else name for name in header]
    if _TYPE_NAMES.isdisjoint(header) or len(_VALUE_NAMES.intersection(header)) != 1:
        return header
    return [ALGORITHM if name in _TYPE_NAMES else ANY_DIGEST if name in _VALUE_NAMES else name for name in header]


def names_another_algorithm(name: str) -> bool:
    """Whether a name in the form for comparison says an algorithm that is not MD5, SHA-1 or SHA-256."""
    return _OTHER_ALGORITHM.search(name) is not None


def other_algorithm_of(file_name: str) -> str | None:
    """Return the part of a file's name that says of which other algorithm its digests are; None when none does.

    >>> other_algorithm_of("files.b3"), other_algorithm_of("SHA3-256SUMS"), other_algorithm_of("blake3.txt.gz")
    ('b3', 'sha3', 'blake3')
    >>> other_algorithm_of("crc-2026.csv"), other_algorithm_of("list.sha256"), other_algorithm_of("b3.txt")
    (None, None, None)
    """
    parts: list[str] = re.findall(r"[a-z0-9]+", file_name.lower().removesuffix(".gz"))
    for place, part in enumerate(parts):
        if _OTHER_FILE.fullmatch(part) and (len(part) > len("b3") or place == len(parts) - 1):
            return part
    return None
