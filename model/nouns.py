"""The bases of every noun, and the kinds of fields that several have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Noun(BaseModel):
    """Base of every noun: immutable, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Published(Noun):
    """Base of the values that takedown engines receive; the text below a field describes it in the published schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


# What a crawl process counts: a host may have taken it over, and others calculate with these, and write them out.
Count = Annotated[int, Field(ge=0, le=2**48)]


Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


Sha1 = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
