"""What must come of each hostile act: what is recorded of its URL, in how many seconds and megabytes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from hostile_server import HONEST
from orbweaver.model import AccessProfile, Limits

from hostile.act import PAYLOAD
from hostile.content import EMBEDDED, NULS, PART
from hostile.documents import (
    rar_behind_picture_body,
    tar_bomb_body,
    tar_extensions_body,
    tar_holes_body,
    zip_bomb_body,
    zip_cut_body,
    zip_lie_body,
)
from hostile.encodings import DECLARED_ONLY, GZIPPED
from hostile.trial import HASHED, READ, Terms, Trial

BAD = "bad_response fetch.bad_response"
CUT = "incomplete fetch.incomplete"
LARGE = "too_large fetch.too_large"
SILENT = "timeout fetch.timeout"
SLOW = "too_slow fetch.too_slow"
NO_ANSWER = "unreachable fetch.unreachable"
OUTSIDE = "out_of_scope scope.site"
REFUSED = "refused_url url"
PAGES_SPENT = "limit limit.max_pages"
FILES_SPENT = "limit limit.max_files"

# What a server can make us waste: CPU time in units of tests/calibration.py, of which a recrawl of an honest host takes
# about 50. How long it can keep us waiting is shown by `make bench-hostile`, on an idle machine.
UNITS = 3_000.0
MEGABYTES = 12.0
USUAL = Terms()
BRIEF = Terms(Limits(max_pages=40, max_files=100, max_seconds=5))


@dataclass(frozen=True)
class Expected:
    """What must come of one act.

    `said` are the sets of lines of which one is recorded of the hostile URL, `others` what may be recorded of other
    URLs; `bodies` are the only files that may be recorded, besides the honest one (None: any). `may_be_stopped` says
    that the deadline of the whole recrawl may have to end it, `keeps_out` that the host can keep us from all its files.
    """

    said: tuple[frozenset[str], ...]
    bodies: tuple[bytes, ...] | None = ()
    others: frozenset[str] = frozenset()
    units: float = UNITS
    megabytes: float = MEGABYTES
    terms: Terms = USUAL
    may_be_stopped: bool = False
    keeps_out: bool = False

    def objections(self, trial: Trial) -> list[str]:
        """Return what is wrong with a trial, nothing when all is well."""
        found = [f"crashed: {one}" for one in trial.crashes]
        if trial.said not in self.said:
            found.append(
                f"of the URL was said {sorted(trial.said)}, not {' or '.join(map(str, map(sorted, self.said)))}"
            )
        if not trial.others <= self.others:
            found.append(f"of other URLs was said {sorted(trial.others - self.others)}")
        if self.bodies is not None and not trial.hashed <= {_sha256(body) for body in (HONEST, *self.bodies)}:
            found.append("the digest of a wrong body was recorded")
        if not (trial.is_honest_file_hashed or trial.stopped_by or self.keeps_out):
            found.append("the honest file after it was not hashed")
        if trial.stopped_by is not None and not self.may_be_stopped:
            found.append(f"the recrawl was stopped by {trial.stopped_by}")
        if trial.units > self.units:
            found.append(f"it took {trial.units:.0f} units of CPU time, more than {self.units:.0f}")
        if trial.megabytes > self.megabytes:
            found.append(f"it took {trial.megabytes:.1f} MB, more than {self.megabytes:.0f}")
        return found


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def says(
    *lines: str | Collection[str],
    bodies: tuple[bytes, ...] | None = (),
    others: Collection[str] = (),
    units: float = UNITS,
    megabytes: float = MEGABYTES,
    terms: Terms = USUAL,
    may_be_stopped: bool = False,
    keeps_out: bool = False,
) -> Expected:
    """Expect one of these lines, or sets of lines, of the hostile URL; what is hashed is PAYLOAD, if not said."""
    said = tuple(frozenset({one} if isinstance(one, str) else one) for one in lines)
    if bodies == () and any(HASHED in one for one in said):
        bodies = (PAYLOAD,)
    return Expected(said, bodies, frozenset(others), units, megabytes, terms, may_be_stopped, keeps_out)


def kept_out(*lines: str) -> Expected:
    """Expect one of these lines of every URL of the host."""
    return says(*lines, others=lines, keeps_out=True)


HASHED_AS_IT_IS = says(HASHED)
ENDS_AS_BAD = says(BAD)
ENDS_AS_CUT = says(CUT)
ENDS_AS_LARGE = says(LARGE)
ENDS_UNREACHABLE = says(NO_ANSWER)
ENDS_BY_DEADLINE = says(SILENT)
PAUSES = says(
    "limit limit.max_seconds",
    "http_error http.429",
    "http_error http.503",
    others={"limit limit.max_seconds"},
    terms=BRIEF,
    may_be_stopped=True,
)
# Led to the honest file: the redirect's own body counts for nothing.
HASHED_ELSEWHERE = says(HASHED, bodies=(HONEST,))

EXPECTED: dict[str, Expected] = {
    # --- framing: what is not whole, or not said in one way, gives no digest ---
    "never_ends": ENDS_AS_LARGE,
    "never_ends_unframed": ENDS_AS_LARGE,
    "lies_long": ENDS_AS_CUT,
    "lies_short": says(HASHED, bodies=(PAYLOAD[: len(PAYLOAD) // 2],)),  # as browsers do: what follows is dropped
    "cut_chunked": ENDS_AS_CUT,
    "cut_between_chunks": ENDS_AS_CUT,
    "close_delimited": HASHED_AS_IT_IS,
    "reset_in_body": ENDS_AS_CUT,
    "reset_unframed": ENDS_AS_CUT,
    "half_closes": ENDS_AS_CUT,
    "two_lengths": ENDS_AS_BAD,
    "list_of_lengths": ENDS_AS_BAD,
    "two_equal_lengths": HASHED_AS_IT_IS,
    "negative_length": ENDS_AS_BAD,
    "signed_length": ENDS_AS_BAD,
    "garbage_length": ENDS_AS_BAD,
    "vast_length": ENDS_AS_BAD,
    "large_length": ENDS_AS_LARGE,
    "length_and_chunked": ENDS_AS_BAD,
    "almost_chunked": ENDS_AS_BAD,
    "gzip_transfer_coding": ENDS_AS_BAD,
    "chunk_size_garbage": ENDS_AS_BAD,
    "chunk_size_negative": ENDS_AS_BAD,
    "chunk_size_prefixed": ENDS_AS_BAD,
    "chunk_size_vast": ENDS_AS_BAD,
    # Bytes that are no part of the body do not count as progress.
    "chunk_size_endless": ENDS_BY_DEADLINE,
    "chunk_extension_endless": ENDS_BY_DEADLINE,
    "chunk_extensions": HASHED_AS_IT_IS,
    "chunks_of_one_byte": HASHED_AS_IT_IS,
    "trailers_endless": says(CUT, BAD),
    "trailers_lie": ENDS_AS_BAD,
    "chunks_bare_lf": ENDS_AS_BAD,
    "chunk_longer_than_said": ENDS_AS_BAD,
    # Whether the surplus arrives together with the last chunk is chance; the next request must never get it.
    "surplus_answer": HASHED_AS_IT_IS,
    "surplus_answer_chunked": says(HASHED, BAD),
    # Here the next request waits long enough to see it: what comes after that request nobody could tell apart.
    "surplus_answer_late": says(HASHED, terms=Terms(access=AccessProfile(delay_seconds=0.5))),
    "surplus_after_empty": says("empty degenerate"),
    "surplus_after_not_modified": says("bad_response http.304"),
    "surplus_after_redirect": HASHED_ELSEWHERE,
    "answers_unasked": says(HASHED, BAD, NO_ANSWER),
    # --- headers ---
    "header_flood": ENDS_AS_BAD,
    "header_line_endless": ENDS_AS_BAD,
    "header_name_endless": ENDS_AS_BAD,
    "status_line_endless": ENDS_AS_BAD,
    "blank_lines_endless": ENDS_AS_BAD,
    "header_count": ENDS_AS_BAD,
    "cookie_flood": HASHED_AS_IT_IS,
    "header_space_before_colon": ENDS_AS_BAD,
    "header_space_in_name": HASHED_AS_IT_IS,
    "header_folded": HASHED_AS_IT_IS,
    "header_nul": ENDS_AS_BAD,
    "header_bare_cr": ENDS_AS_BAD,
    "header_bare_lf": HASHED_AS_IT_IS,
    "header_without_colon": HASHED_AS_IT_IS,
    "header_without_name": HASHED_AS_IT_IS,
    "header_not_ascii": HASHED_AS_IT_IS,
    "content_type_long": HASHED_AS_IT_IS,
    "content_type_twice": HASHED_AS_IT_IS,
    "informational_endless": ENDS_AS_BAD,
    "informational_small_endless": ENDS_AS_BAD,
    "informational_in_blank_lines_endless": ENDS_AS_BAD,
    "informational_first": HASHED_AS_IT_IS,
    "switches_protocols": says("bad_response http.101", BAD),
    "http_0_9": ENDS_AS_BAD,
    "http_2_preface": ENDS_AS_BAD,
    "http_9_9": HASHED_AS_IT_IS,
    "status_999": says({HASHED, "http_error http.999"}),
    "status_of_four_digits": ENDS_AS_BAD,
    "status_negative": ENDS_AS_BAD,
    "status_without_reason": HASHED_AS_IT_IS,
    "not_http": ENDS_AS_BAD,
    "closes_at_once": ENDS_UNREACHABLE,
    "resets_at_once": ENDS_UNREACHABLE,
    "closes_in_headers": ENDS_UNREACHABLE,
    "refresh_header": says(HASHED, others={OUTSIDE}),
    # --- timing ---
    "hangs": ENDS_BY_DEADLINE,
    "drips": says(SILENT, SLOW),
    "drips_chunks": says(SLOW),
    "drips_headers": ENDS_BY_DEADLINE,
    "drips_header_lines": ENDS_BY_DEADLINE,
    "drips_informational": ENDS_BY_DEADLINE,
    "drips_redirect_body": HASHED_ELSEWHERE,
    "silent_after_headers": ENDS_BY_DEADLINE,
    "silent_midway": ENDS_BY_DEADLINE,
    "silent_before_last_chunk": ENDS_BY_DEADLINE,
    "keeps_open": ENDS_BY_DEADLINE,
    "slow_at_first": HASHED_AS_IT_IS,
    "closes_late": ENDS_UNREACHABLE,
    "fast_then_slow": says(SILENT, SLOW),
    "just_fast_enough": says(SILENT, SLOW),
    # A pause that we grant may be longer than the recrawl: then what was not asked for is said to be a failure.
    "busy_for_a_year": PAUSES,
    "busy_negative": says("http_error http.429"),
    "busy_garbage": says("http_error http.503"),
    "busy_until_10000": PAUSES,
    "broken_for_ever": says("http_error http.500"),
    # --- redirects ---
    "redirect_loop": says("redirect_loop redirects"),
    "endless_redirects": says("redirect_loop redirects"),
    "growing_redirects": says("trap trap.length"),
    "redirect_to_itself": says("redirect_loop redirects"),
    "redirect_to_file": says(REFUSED),
    "redirect_to_ftp": says(REFUSED),
    "redirect_to_s3": says(REFUSED),
    "redirect_to_script": says(REFUSED),
    "redirect_to_data": says(REFUSED),
    "redirect_to_private_address": says(OUTSIDE),
    "redirect_to_metadata": says(OUTSIDE),
    "redirect_to_mapped_address": says(OUTSIDE),
    "redirect_to_other_port": says("out_of_scope scope.port"),
    "redirect_with_credentials": says(OUTSIDE),
    "redirect_with_backslash": says(OUTSIDE),  # as browsers read it
    "redirect_to_long_url": says(REFUSED),
    "redirect_endless_location": ENDS_AS_BAD,
    "redirect_not_ascii": says("http_error http.404"),
    "redirect_nul": ENDS_AS_BAD,
    "redirect_injects_header": says("http_error http.404"),
    "redirect_without_location": says({HASHED, "bad_response http.302"}),
    "redirect_empty_location": says("bad_response http.302"),
    "redirect_twice": says(OUTSIDE, HASHED, bodies=(HONEST,)),
    "multiple_choices": says("bad_response http.300"),
    "use_proxy": says("bad_response http.305"),
    "switch_proxy": says("bad_response http.306"),
    "redirect_with_endless_body": HASHED_ELSEWHERE,
    "redirect_with_bomb": HASHED_ELSEWHERE,
    # --- encodings: no digest without proof of the end, no memory for a promise ---
    "gzip_bomb": ENDS_AS_LARGE,
    "gzip_bomb_in_gzip": ENDS_AS_LARGE,
    "gzip_bomb_as_page": says(LARGE, megabytes=20),  # so much of a page is held: HTML_BYTES
    "deflate_bomb": ENDS_AS_LARGE,
    "brotli_bomb": says(LARGE, megabytes=40),  # a window of 16 MB is brotli's right
    "zstd_bomb": ENDS_AS_LARGE,
    "zstd_wide_window": ENDS_AS_BAD,
    "three_encodings": ENDS_AS_BAD,
    "hundred_encodings": ENDS_AS_BAD,
    "unknown_encoding": HASHED_AS_IT_IS,
    "encoding_lies": ENDS_AS_BAD,
    "encoding_declared_only": says(HASHED, bodies=(DECLARED_ONLY,)),
    "encoding_half_known": says(HASHED, bodies=(PAYLOAD, GZIPPED)),
    "encoding_hides": says(HASHED, bodies=(GZIPPED, PAYLOAD)),  # the second is the file inside the first
    "cut_gzip": ENDS_AS_CUT,
    "cut_brotli": ENDS_AS_CUT,
    "cut_zstd": ENDS_AS_CUT,
    "gzip_wrong_checksum": ENDS_AS_BAD,
    "gzip_padding": HASHED_AS_IT_IS,
    "gzip_padding_endless": ENDS_AS_BAD,
    "gzip_members_endless": ENDS_AS_BAD,
    "gzip_name_endless": ENDS_AS_BAD,
    "zstd_skippable_endless": ENDS_AS_BAD,
    "brotli_metadata_endless": ENDS_AS_BAD,
    "deflate_raw": HASHED_AS_IT_IS,
    "deflate_wrapped": HASHED_AS_IT_IS,
    # --- TLS: a certificate proves nothing about a file, a broken stream is no file ---
    "tls_self_signed": HASHED_AS_IT_IS,
    "tls_expired": HASHED_AS_IT_IS,
    "tls_other_name": HASHED_AS_IT_IS,
    "tls_large_certificate": ENDS_UNREACHABLE,
    "tls_1_0": ENDS_UNREACHABLE,
    "tls_no_common_cipher": ENDS_UNREACHABLE,
    "tls_cut_in_body": ENDS_AS_CUT,
    "tls_cut_unframed": ENDS_AS_CUT,
    "tls_redirect_to_plain": says(OUTSIDE),
    "tls_hangs": ENDS_BY_DEADLINE,
    "tls_drips": ENDS_BY_DEADLINE,
    "tls_garbage": ENDS_UNREACHABLE,
    "tls_handshake_endless": ENDS_UNREACHABLE,
    "tls_alerts_endless": ENDS_UNREACHABLE,
    "plain_on_tls_port": ENDS_UNREACHABLE,
    "closes_in_handshake": ENDS_UNREACHABLE,
    "tls_on_plain_port": kept_out("robots fetch.robots"),
    # --- documents: an archive is a file itself, its members are within limits ---
    "zip_bomb": says({HASHED, "limit archive.ratio"}, bodies=(zip_bomb_body(),)),
    "zip_nested": says({HASHED, "limit archive.depth"}, bodies=None),
    "zip_crowd": says({HASHED, "limit archive.members"}, bodies=None, megabytes=50),
    "zip_cut": says({HASHED, "incomplete archive.cut"}, bodies=(zip_cut_body(),)),
    "zip_lies": says(HASHED, bodies=(zip_lie_body(), PAYLOAD)),
    "zip_paths": says(HASHED, bodies=None),
    "tar_bomb": says({HASHED, "limit archive.ratio"}, bodies=(tar_bomb_body(),)),
    "tar_holes": says({HASHED, "limit archive.member_bytes"}, bodies=(tar_holes_body(), PAYLOAD)),
    "tar_extensions": says(
        {HASHED, "incomplete archive.cut"},
        bodies=(gzip.compress(tar_extensions_body(), mtime=0), tar_extensions_body(), PAYLOAD),
    ),
    "gzip_streams": says({HASHED, "limit archive.members"}, bodies=(gzip.compress(b"", mtime=0) * 100_000,)),
    "zip_bomb_behind_picture": says({HASHED, "limit archive.ratio"}, bodies=None),
    "zip_decoys": says({HASHED, "limit archive.members"}, bodies=None),
    "rar_behind_picture": says({HASHED, "archive_not_read archive.rar"}, bodies=(rar_behind_picture_body(),)),
    "sitemap_entities": says(HASHED, bodies=None, others={"http_error http.404"}),
    "sitemap_external_entity": says(HASHED, bodies=None, others={"http_error http.404"}),
    "sitemap_flood": says({HASHED, "limit limit.links"}, bodies=None, others={OUTSIDE}, units=5_000, megabytes=60),
    "sitemap_indexes": says(HASHED, bodies=None, others={"limit limit.max_depth"}),
    "playlist_loop": says(HASHED, bodies=None, others={"limit limit.max_depth"}),
    "style_imports": says(HASHED, bodies=None, others={"limit limit.max_depth"}),
    # --- robots.txt: what cannot be read keeps us from every URL of its host, which are failures then ---
    "robots_endless": HASHED_AS_IT_IS,
    "robots_hangs": kept_out(SILENT),
    "robots_drips": kept_out("robots fetch.robots", SILENT),
    "robots_broken": kept_out("robots fetch.robots"),
    "robots_busy": PAUSES,
    "robots_closes": kept_out(NO_ANSWER),
    "robots_binary": HASHED_AS_IT_IS,
    "robots_page": HASHED_AS_IT_IS,
    "robots_bomb": kept_out("robots fetch.robots"),
    "robots_redirects_to_itself": HASHED_AS_IT_IS,
    "robots_redirects_inside": HASHED_AS_IT_IS,
    "robots_many_rules": HASHED_AS_IT_IS,
    "robots_wildcards": HASHED_AS_IT_IS,
    "robots_long_line": HASHED_AS_IT_IS,
    "robots_delay_of_a_year": PAUSES,
    "robots_delay_garbage": HASHED_AS_IT_IS,
    "robots_sitemap_flood": says(HASHED, others={"http_error http.404"}),
    "robots_many_agents": HASHED_AS_IT_IS,
    # --- content: pages that are bombs ---
    "connection_counter": says(READ, others={PAGES_SPENT}),
    "nested_tags": says(READ, megabytes=25),
    "misnested_tags": says(READ, megabytes=25),
    "one_large_tag": says(REFUSED, megabytes=60),
    "many_attributes": says(READ, megabytes=60),
    "unclosed_comment": says(READ, megabytes=25),
    "unclosed_tags": says(READ, megabytes=25),
    "entity_flood": says(REFUSED, READ, megabytes=60),
    "xml_entities": says(READ, others={"http_error http.404"}),
    # What waits beyond a spent budget costs time as well: the recrawl's own deadline ends it.
    "link_flood": says(
        "limit limit.links",
        {"limit limit.links", "limit limit.max_seconds"},
        others={"limit limit.links", "limit limit.waiting", "limit limit.max_seconds", PAGES_SPENT},
        units=5_000,
        megabytes=60,
        terms=BRIEF,
        may_be_stopped=True,
    ),
    "host_flood": says(READ, others={OUTSIDE}, megabytes=40),
    "endless_page": says("limit limit.html", megabytes=25),
    "vast_page": says("limit limit.html", megabytes=25),
    # As a redirect that leads to redirects without end.
    "refresh_loop": says("redirect_loop redirects"),
    "base_elsewhere": says(READ, others={OUTSIDE, "out_of_scope embeds.off"}),
    "base_script": says(READ),
    "charset_utf_7": says(READ),
    "charset_punycode": says(READ),
    "charset_zip": says(READ),
    "nul_page": says(HASHED, bodies=(NULS,), megabytes=30),
    "data_uri_large": says(HASHED, bodies=(EMBEDDED,), megabytes=60),
    "data_uri_flood": says({HASHED, "limit limit.links"}, bodies=None, megabytes=60),
    "data_uri_bad_flood": says("refused_url data-uri", megabytes=25),
    "srcset_flood": says(
        "limit limit.links",
        {"limit limit.links", "limit limit.max_seconds"},
        others={FILES_SPENT, "limit limit.max_seconds", "http_error http.404"},
        units=5_000,
        megabytes=40,
        terms=BRIEF,
        may_be_stopped=True,
    ),
    "srcset_commas": says(REFUSED, READ, megabytes=60),
    "style_flood": says(READ, megabytes=60),
    "frames_in_frames": says(READ, "limit limit.links", megabytes=60),
    # Spaces without end: the budget ends them.
    "calendar": says(READ, others={PAGES_SPENT}),
    "session_ids": says(READ, others={PAGES_SPENT}),
    "growing_paths": says(READ, others={PAGES_SPENT}),
    "facets": says(READ, others={PAGES_SPENT}),
    # Answers that are not the file.
    "partial_unasked": says("partial fetch.partial"),
    "part_as_whole": says(HASHED, bodies=(PART,)),  # RFC 9110, 14.4: Content-Range says nothing in a 200
    "empty_file": says("empty degenerate"),
    "error_with_file": says({HASHED, "http_error http.404"}),
    "file_as_page": HASHED_AS_IT_IS,
}
