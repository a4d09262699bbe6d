"""A longest line costs what its length costs, whatever stands in it: reports are written by strangers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from calibration import measured
from orbweaver.queue.errors import NotCertain
from orbweaver.queue.intake.broken_lines import broken_by
from orbweaver.queue.intake.report_lines import MAX_LINE_LENGTH
from orbweaver.queue.intake.written_urls import read_urls

# A quadratic search of 64 KiB costs some ten thousand units, a linear one some ten.
MOST_UNITS = 300.0


@pytest.mark.parametrize(
    "part",
    ["www.a", "http://a.b", "http://a.b ", "'http://a.b", "___http", "/http:/", "mailto:", "magnet:?", "__;*", "&lt;"]
    + [".jpgx", ")", "(", "。", "–", "<", "a[.]", "a/", "1."],
)
def test_a_longest_line_is_read_in_linear_time(part: str) -> None:
    many = part * (MAX_LINE_LENGTH // len(part))
    with measured() as cost:
        for text in (many, f"http://example.com/{many}", f"https://url.avanan.click/v2/{many}"):
            with suppress(NotCertain):
                read_urls(text)
            broken_by(text, "b/1.jpg")
        broken_by("http://example.com/a", many)
    assert cost.units < MOST_UNITS
