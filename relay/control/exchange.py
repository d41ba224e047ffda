"""How an engine and its clients exchange messages: the frame around them, and their form as JSON.

Owns the base of all requests (`relay.control.messages` has the requests), the frame, and the version in it.
An engine serves clients of its own version, and others only ACROSS_VERSIONS: the frame and those messages may
only grow, by fields with a default. Opens nothing.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Generic, Protocol, TypeVar, get_args

import msgspec

from relay.errors import Exit, RelayError

T = TypeVar("T")
A = TypeVar("A", bound=msgspec.Struct)
"""The answer to a request."""

ACROSS_VERSIONS = ("status", "stop")
"""Actions that an engine does for clients of any version."""


class EngineRequest(
    msgspec.Struct,
    Generic[A],
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="action",
):
    """Base of all requests: the tag is the action's name, the parameter the type of the answer."""


class Requester(Protocol):
    """Sends a request to an engine and returns its answer; raises RelayError."""

    async def __call__(self, request: EngineRequest[A], /) -> A: ...


class Call(msgspec.Struct, frozen=True):
    """The body of each HTTP request on the control socket."""

    version: str = "unknown"
    """Of the client."""
    request: Any = None


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of each response: a result, or an error."""

    version: str = "unknown"
    """Of the engine."""
    result: Any = None
    error: str | None = None
    """Of a `RelayError`, as `word` and `exit`."""
    word: str | None = None
    exit: int = Exit.FAILED

    @classmethod
    def of(cls, error: RelayError) -> Reply:
        return cls(version=own_version(), error=str(error), word=error.word, exit=int(error.exit_code))


@cache
def own_version() -> str:
    """The version of this program."""
    from importlib.metadata import version  # 20 ms that the screen's first rows need not wait for

    return version("lean-relay")


def other_version(engine: str, client: str) -> RelayError:
    """The error where engine and client are different versions."""
    return RelayError(
        f"the engine is version {engine} and this command is version {client}; "
        "end the engine with `lean-relay stop` and start it again with this version",
        word="engine-version",
    )


def action_of(request: type[EngineRequest[Any]]) -> str:
    """The name of a request's action."""
    return str(request.__struct_config__.tag)


def answer_type(request: type[EngineRequest[A]]) -> type[A]:
    """The type of the answer to a request."""
    (base,) = request.__orig_bases__  # type: ignore[attr-defined]  # typing knows it from Python 3.12 on
    (answer,) = get_args(base)
    return answer  # type: ignore[no-any-return]


def encode(message: msgspec.Struct) -> bytes:
    """A message as JSON; bytes are in base64."""
    # Not msgspec's own encoder: paths and arguments may hold lone surrogates, which it does not take.
    return json.dumps(msgspec.to_builtins(message)).encode()


def decode(data: bytes, kind: type[T]) -> T:
    """A message from JSON.

    Raises:
        ValueError: it is not JSON, or not such a message.
    """
    return msgspec.convert(json.loads(data), kind)
