"""Libraries that only one command or option needs, and that are not installed with the program."""

from __future__ import annotations

from importlib.util import find_spec

from relay.errors import UsageError
from relay.processes import install_command


def require_extra(extra: str, module: str, what: str) -> None:
    """Refuse what needs the libraries of an extra, unless they are there.

    Args:
        extra: its name in pyproject.toml.
        module: what the library is imported as.
        what: needs it, for the message: `web`.

    Raises:
        UsageError: with the command that installs it for this interpreter.
    """
    if find_spec(module) is not None:
        return
    raise UsageError(f"{what} needs a library that is not installed; run {install_command(extra)}")
