"""Compressed bodies: decoded for the eye only, within limits that are told."""

import zlib

import pytest

from relay.text.decoding import MOST_OUT, decoded


def zipped(data: bytes) -> bytes:
    """Gzip with no time in it, so that tests have the same names each time."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


JSON = b'{"type":"payment.updated"}'


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (zipped(JSON), "gzip"),
        (zipped(JSON), " X-GZip , identity"),
        (zlib.compress(JSON), "deflate"),
        (zlib.compress(JSON)[2:-4], "deflate"),
        (zipped(JSON[:5]) + zipped(JSON[5:]) + b"\0" * 9, "gzip"),
    ],
)
def test_what_is_undone(body: bytes, encoding: str) -> None:
    """Gzip, several members too, and deflate with or without its header."""
    found = decoded(body, encoding)
    assert (found.data, found.notes, found.opaque) == (JSON, (), False)


def test_gzip_that_nobody_names() -> None:
    """Its first bytes are enough, and the view says so."""
    found = decoded(zipped(JSON), "")
    assert (found.data, found.coding) == (JSON, "gzip")
    assert found.notes == ("compressed with gzip, although there is no Content-Encoding",)
    assert decoded(JSON, "").coding == ""


@pytest.mark.parametrize(
    ("body", "encoding", "data", "note"),
    [
        (JSON, "gzip", JSON, "Content-Encoding says gzip, but the body is not"),
        (JSON, "br", JSON, "Content-Encoding br is not supported; these are the encoded bytes"),
        (JSON, "\x1b[31m", JSON, "Content-Encoding ␛[31m is not supported; these are the encoded bytes"),
        (zipped(JSON * 9)[:-9], "gzip", JSON * 9, "the compressed data ends too early"),
        (
            zipped(JSON)[:-4] + b"abcd",
            "gzip",
            JSON,
            "the compressed data is broken after 26 bytes: Error -3 while decompressing data: "
            "incorrect length check",
        ),
        (zipped(JSON), "br, gzip", JSON, "encoded more than once: only gzip was decoded, br is left"),
    ],
)
def test_what_is_not_undone(body: bytes, encoding: str, data: bytes, note: str) -> None:
    """What is left is shown, with the reason."""
    found = decoded(body, encoding)
    assert found.data == data
    assert found.notes == (note,)


def test_bombs_are_cut() -> None:
    """At most 8 MiB come out, at most a hundred times what went in, at most a hundred members."""
    large = zlib.compressobj(wbits=31)
    body = b"".join(large.compress(b"\0" * 1_000_000) for _ in range(100)) + large.flush()
    assert len(body) > MOST_OUT // 100
    found = decoded(body, "gzip")
    assert len(found.data) == MOST_OUT
    assert found.notes == ("too large: cut after 8 MiB",)
    small = decoded(zipped(b"a" * 1_000_000), "gzip")
    assert len(small.data) == len(zipped(b"a" * 1_000_000)) * 100
    members = decoded(zipped(b"ab") * 1_025, "gzip")
    assert members.data == b"ab" * 100
    assert members.notes == ("cut after 100 gzip members",)
    nested = decoded(zipped(zipped(JSON)), "gzip, gzip")
    assert nested.data == zipped(JSON)
