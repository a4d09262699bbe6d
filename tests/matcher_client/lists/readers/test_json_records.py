"""Objects out of a JSON stream: memory does not grow, and no document ends the process."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from orbweaver.matcher_client.errors import BadFileError
from orbweaver.matcher_client.lists.readers.json_records import OTHER_KEYS, Record, read_records

HOSTILE = {
    "a million arrays": (b'{"value":[' + b"[" * 1_000_000, "more than 64 levels"),
    "a million objects": (b'{"value":[' + b'{"a":' * 1_000_000, "more than 64 levels"),
    "a million arrays in a row": (b'{"value":[{"MD5":' + b"[" * 1_000_000, "more than 64 levels"),
    "an integer of 5,000 digits": (b'{"value":[{"MD5":' + b"9" * 5_000 + b"}]}", "stops being JSON"),
    "an integer of 50,000 digits elsewhere": (b'{"value":[{"x":' + b"9" * 50_000 + b"}]}", "stops being JSON"),
    "an exponent that no number has": (b'{"value":[{"MD5":1e99999999999999999999}]}', "stops being JSON"),
    "a string without an end": (b'{"value":[{"MD5":"' + b"A" * 9_000_000, "4,194,304 bytes of JSON in one piece"),
    "a key without an end": (b'{"value":[{"' + b"A" * 9_000_000, "4,194,304 bytes of JSON in one piece"),
    "a number without an end": (b'{"value":[{"MD5":' + b"1" * 9_000_000, "4,194,304 bytes of JSON in one piece"),
    "spaces without an end": (b'{"value":[{"MD5":' + b" " * 9_000_000, "4,194,304 bytes of JSON in one piece"),
    "half a document": (b'{"value":[{"MD5":"a"}', "ends early"),
    "half a character": ('{"value":[{"MD5":"é'.encode()[:-1], "ends early"),
    "not a word of JSON": (b'{"value":[{"MD5":nul}]}', "stops being JSON"),
}


def records(document: bytes) -> list[Record]:
    keys = frozenset({"MD5", "SHA1"})
    paths = frozenset({"value.item", "value.item.Media.item"})
    return list(read_records(io.BytesIO(document), paths=paths, keys=keys, inner="Media"))


@pytest.mark.parametrize(("document", "complaint"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_refused_and_ends_nothing(document: bytes, complaint: str) -> None:
    with pytest.raises(BadFileError, match=complaint):
        records(document)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("[]", []),
        ('{"value":[]}', []),
        ('{"value":{"MD5":"a"}}', []),
        ('{"other":[{"MD5":"a"}],"value":[{"MD5":"b"}]}', [{"MD5": "b"}]),
        ('{"value":[{"MD5":"a","other":{"MD5":"b"},"list":[{"MD5":"c"}],"SHA1":"d"}]}', [{"MD5": "a", "SHA1": "d"}]),
        ('{"value":[1,[{"MD5":"a"}],{"MD5":"b"}]}', [{"MD5": "b"}]),
        (
            '{"value":[{"MD5":"no","Media":[{"MD5":"a"},{"x":1}],"SHA1":"no"},{"MD5":"b"}]}',
            [{"MD5": "a"}, {}, {"MD5": "b"}],
        ),
        ('{"value":[{"Media":{"MD5":"no"},"MD5":"a"}]}', [{"MD5": "a"}]),
        ('{"value":[{"MD5":"\\u0061\\ud800"}]}', [{"MD5": "a?"}]),
        ('{"value":[{"MD5":9223372036854775807}]}', [{"MD5": 2**63 - 1}]),
    ],
)
def test_objects_are_found_by_their_place(document: str, found: list[Record]) -> None:
    assert records(document.encode()) == found


@pytest.mark.parametrize(
    ("record", "names"),
    [
        ('{"MD5":"a"}', {"MD5"}),
        ('{"MD5":["a"],"SHA1":{"x":1}}', {"MD5", "SHA1"}),
        ('{"MD5":"a","x":1}', {"MD5", OTHER_KEYS}),
        ('{"x":[],"MD5":"a"}', {"MD5", OTHER_KEYS}),
        ('{"MD5":[{"x":1}]}', {"MD5"}),
        ('{"":1}', {OTHER_KEYS}),
    ],
)
def test_who_asks_is_told_of_keys_besides(record: str, names: set[str]) -> None:
    keys = frozenset({"MD5", "SHA1", OTHER_KEYS})
    (found,) = read_records(io.BytesIO(b"[%s]" % record.encode()), paths=frozenset({"item"}), keys=keys)
    assert found.keys() == names


# A list of 80 MB on one line, made as it is read; the process may have little more memory than it starts with.
STREAMED = """
import io, resource
from orbweaver.matcher_client.lists.readers.json_records import read_records

RECORD = b'{"MediaID":1,"MD5":"' + b"A" * 32 + b'","MediaFiles":[{"FileName":"' + b"n" * 400 + b'"}]},'

class Stream(io.RawIOBase):
    rest = 80_000_000
    left = b'{"value":['
    def readable(self):
        return True
    def readinto(self, buffer):
        if not self.left and self.rest > 0:
            self.left = RECORD * 100
            self.rest -= len(self.left)
        count = min(len(buffer), len(self.left))
        buffer[:count] = self.left[:count]
        self.left = self.left[count:]
        return count

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = 0
try:
    for record in read_records(
        io.BufferedReader(Stream()), paths=frozenset({"value.item"}), keys=frozenset({"MD5"}), inner="Media"
    ):
        count += 1
except Exception as error:
    print(error)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_80_megabytes_on_one_line_take_next_to_no_memory() -> None:
    ran = subprocess.run([sys.executable, "-c", STREAMED], capture_output=True, text=True, timeout=300)
    said, numbers = ran.stdout.splitlines()
    count, kilobytes = map(int, numbers.split())
    assert said == "ends early: get a complete copy"
    assert count > 160_000
    assert kilobytes < 24 * 1024
