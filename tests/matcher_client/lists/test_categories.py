"""A category means what its scheme's table says, and unknown when the table does not have it."""

from __future__ import annotations

import pytest
from orbweaver.matcher_client.lists.categories import nature_of


@pytest.mark.parametrize(
    ("scheme", "category", "nature"),
    [
        # IWF: the three categories of the United Kingdom.
        ("iwf", "A", "abuse"),
        ("IWF", "C", "abuse"),
        ("iwf", None, "abuse"),
        ("iwf", "D", "unknown"),
        # NCMEC: a video has often none.
        ("ncmec", "A1", "abuse"),
        ("ncmec", "B2", "abuse"),
        ("ncmec", None, "abuse"),
        ("ncmec", "a1", "unknown"),
        # VICS: 0 is benign everywhere, the rest depends on the region.
        ("vics-us", "0", "benign"),
        ("vics-us", "1", "abuse"),
        ("vics-us", "3", "abuse"),
        ("vics-us", "4", "unknown"),
        ("vics-us", "6", "unknown"),
        ("vics-us", None, "unknown"),
        ("vics", "2", "abuse"),
        ("vics", "3", "unknown"),
        ("vics-uk", "0", "benign"),
        ("vics-uk", "1", "unknown"),
        ("vics-custom", "1", "unknown"),
        ("vics-default", "2", "unknown"),
        ("vics-elsewhere", None, "unknown"),
        # ICSE: what is not Baseline depends on the country's law.
        ("icse", "baseline", "abuse"),
        ("icse", "not baseline", "unknown"),
        ("icse", None, "unknown"),
        # ICCAM: what an analyst said to ignore is not illegal.
        ("iccam", "baseline", "abuse"),
        ("iccam", "1", "abuse"),
        ("iccam", "National", "unknown"),
        ("iccam", "3", "unknown"),
        ("iccam", "4", "benign"),
        ("iccam", "ignore", "benign"),
        ("iccam", None, "unknown"),
        ("iccam", "5", "unknown"),
        # TCAP: the ideology.
        ("tcap", "far-right", "abuse"),
        ("tcap", "something new", "unknown"),
        # NIST: only a row in NIST's own shape is benign, and that one says so beside its category.
        ("nist-caid", "8", "unknown"),
        ("NIST-CAID", None, "unknown"),
        # A list that names no scheme says with every row that it is abuse.
        (None, None, "abuse"),
        (None, "anything", "abuse"),
        ("a hotline's own", "7", "abuse"),
    ],
)
def test_a_category_means_what_its_scheme_says(scheme: str | None, category: str | None, nature: str) -> None:
    assert nature_of(scheme, category) == nature
