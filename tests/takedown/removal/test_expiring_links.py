"""Which links work for a while only: by what was left out of their place, and by times that stand in them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON, STAMP, a_match, a_sighting
from orbweaver.model import LeftOut, Place
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.removal.expiring_links import may_have_expired

HOST = "http://h.test"
DAY = timedelta(days=1)
SEEN = int(NOON.timestamp())
MD5 = "0b8f1c6e3d0a4c539a7e5f1d2b3c4a59"


def has_expired(path: str, *left_out: LeftOut, before: str | None = None, days: float = 1) -> bool:
    case = change_by_match(a_sighting(url=f"{HOST}{before or path}"), a_match(), None, STAMP).after.case
    place = Place(url=HOST, left_out={reason.value: reason for reason in left_out})
    return may_have_expired(case.model_copy(update={"place": place, "last_url": f"{HOST}{path}"}), NOON + days * DAY)


@pytest.mark.parametrize("reason", LeftOut)
def test_what_gives_access_for_a_while_may_have_ended(reason: LeftOut) -> None:
    assert has_expired("/a.jpg?x=1", reason) == (reason not in {LeftOut.CACHE_BUSTER, LeftOut.RANDOM})


def test_a_random_part_that_changed_while_the_file_stayed_is_no_name_of_its_content() -> None:
    assert has_expired("/a.jpg?x=2", LeftOut.RANDOM, before="/a.jpg?x=1")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/s/{MD5}/{SEEN + 3_600}/a.jpg", True),
        (f"/a.jpg?hash=abc&until={SEEN + 3_600}", True),
        (f"/s/{MD5}/{SEEN + 200_000}/a.jpg", False),  # it has not ended yet
        (f"/uploads/{SEEN - 3_600}/a.jpg", False),  # when it was uploaded
        (f"/uploads/{SEEN + 3_600}a.jpg", False),
        (f"/uploads/1{SEEN + 3_600}.jpg", False),
        (f"/dl/{MD5}/{SEEN - 30:x}/a.jpg", True),
        (f"/dl/{'Ab3_' * 10}Ab3/{SEEN - 30:x}/a.jpg", True),
        (f"/dl/{MD5}/{SEEN - 40 * 86_400:x}/a.jpg", False),
        (f"/dl/short/{SEEN - 30:x}/a.jpg", False),
        ("/a.jpg", False),
    ],
)
def test_a_time_in_a_link_is_its_end_or_when_it_was_made(path: str, expected: bool) -> None:
    assert has_expired(path) is expected
