"""Operators on a connection's TLS: one class each.

Owns the meaning of these keys. A search in SQL calls `holds` of the same classes. Assumes nothing about the
form of the facts, as another program may have written them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from relay.filters.matching import Text
from relay.filters.tree import Leaf, Written
from relay.models import Capture

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OfTls(Leaf):
    """A text that one of a few facts must contain."""

    text: Text
    what: ClassVar[str]

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(Text.of(value))

    @staticmethod
    def texts(facts: Facts) -> Iterator[Any]:
        """The texts to search."""
        raise NotImplementedError

    def holds(self, facts: Facts | None) -> bool:
        """Whether the facts contain the text; False without TLS."""
        return facts is not None and any(
            isinstance(text, str) and self.text.is_in(text) for text in self.texts(facts)
        )

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.tls)

    def __str__(self) -> str:
        return f"{self.what} has {self.text}"


@dataclass(frozen=True, slots=True)
class TlsSubject(OfTls):
    code = "tls.subject"
    example = "tls.subject:TEXT"
    help = "in the subject of the client certificate, or one of its names"
    what = "the client certificate's subject"

    @staticmethod
    def texts(facts: Facts) -> Iterator[Any]:
        certificate = facts.get("certificate")
        if isinstance(certificate, dict):
            yield certificate.get("subject")
            names = certificate.get("san")
            yield from names if isinstance(names, list) else ()


@dataclass(frozen=True, slots=True)
class TlsVerdict(OfTls):
    code = "tls.verdict"
    example = "tls.verdict:expired"
    help = "what was found of the client certificate: trusted, expired, no-certificate, or in OpenSSL's words"
    what = "the verdict on the client certificate"

    @staticmethod
    def texts(facts: Facts) -> Iterator[Any]:
        yield facts.get("verdict")
        yield facts.get("words")
