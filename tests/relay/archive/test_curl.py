"""Curl commands are read as a shell and curl would take them, and run nothing."""

from __future__ import annotations

import pytest

from relay.archive.curl import request
from relay.archive.reading import BadLine
from relay.archive.shell_words import commands
from relay.models.imports import ImportedCapture
from tests.relay.archive.test_reading import read

TAKEN = [
    (b"curl http://a/b?c=1", ("GET", "/b?c=1", b"")),
    (b"curl -XPOST 'http://a/b' -d x -d 'y z'", ("POST", "/b", b"x&y z")),
    (b"curl http://a --data-raw '@file' -H 'A: b'", ("POST", "/", b"@file")),
    (b'curl "http://a/\\$x" --data-raw "q\\"\\\\ \\n"', ("POST", "/$x", b'q"\\ \\n')),
    (b"curl http://a --data-raw $'it\\'s\\n\\x41\\u00e9'", ("POST", "/", b"it's\nA\xc3\xa9")),
    (b"curl http://a \\\n  -X PUT \\\n  --data-binary 'a\nb'", ("PUT", "/", b"a\nb")),
    (b"printf '\\101\\000%%' | curl http://a --data-binary @-", ("POST", "/", b"A\x00%")),
    (b"curl -sSi --head http://a", ("HEAD", "/", b"")),
    (b"curl --request-target '*' -X OPTIONS http://a", ("OPTIONS", "*", b"")),
    (b"curl 'a.example/x#part'", ("GET", "/x", b"")),
    (b" $ curl http://a/b", ("GET", "/b", b"")),
    (b"printf '\\045%%\\045' | curl http://a --data-binary @-", ("POST", "/", b"%%%")),
    (b"printf 'a\\n\\000b' | curl http://a -d @-", ("POST", "/", b"ab")),
]


@pytest.mark.parametrize(("command", "expected"), TAKEN, ids=range(len(TAKEN)))
def test_requests(command: bytes, expected: tuple[str, str, bytes]) -> None:
    """Method, target and body, by the rules of sh and curl."""
    method, target, _, _, body = request(command)
    assert (method, target, body) == expected


def test_headers() -> None:
    """Repeats and order stay; a name alone removes; an empty value is written with a semicolon."""
    command = (
        b"""curl http://a -H 'B: 1' -H 'b:2' -H 'Accept:' -H 'E;' -A me -H 'Z: "$(printf '\\''x'\\'')"'"""
    )
    assert request(command)[3] == (
        ("B", "1"),
        ("b", "2"),
        ("E", ""),
        ("User-Agent", "me"),
        ("Z", "\"$(printf 'x')\""),
    )
    assert request(b"curl http://a -d x")[3] == (("Content-Type", "application/x-www-form-urlencoded"),)
    assert request(b"curl http://a -d x -H 'Content-Type:'")[3] == ()


REFUSED = [
    b"curl http://a -d @/etc/passwd",
    b"curl http://a --data-binary @-",
    b"curl http://a -H @headers",
    b"curl http://a -K config",
    b"curl http://a -d $(cat /etc/passwd)",
    b"curl http://a -d `id`",
    b'curl http://a -d "$HOME"',
    b"curl http://a; rm -rf /",
    b"curl http://a && id",
    b"curl http://a > file",
    b"cat body | curl http://a --data-binary @-",
    b"printf '%s' x | curl http://a --data-binary @-",
    b"curl -X",
    b"curl",
    b"curl http://a http://b",
    b"wget http://a",
    b"curl http://a 'open",
    b"curl http://a -b cookies.txt",
    b"curl http://a -d $'\\e'",
    b"printf 'a\\cb' | curl http://a -d @-",
]


@pytest.mark.parametrize("command", REFUSED, ids=range(len(REFUSED)))
def test_what_only_a_shell_knows_is_refused(command: bytes) -> None:
    """No file is read and nothing is run, so such a command is no request."""
    with pytest.raises(ValueError, match=r"\w"):
        request(command)


def test_a_file_of_commands() -> None:
    """Comments and blank lines are passed over; a command that cannot be read is named by its first line."""
    data = b"# mine\n\ncurl http://a -d '1\n2'\ncurl http://a -d @f\n  # more\ncurl http://a -d 3\n"
    items = read(data)
    assert [item.body if isinstance(item, ImportedCapture) else item for item in items] == [
        b"1\n2",
        BadLine(5, "its body is in a file, which is not read"),
        b"3",
    ]
    unfinished = list(commands([(1, b"curl 'a"), (2, b"b")]))
    assert unfinished == [(1, None)]
