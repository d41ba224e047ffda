"""Captures of a team, made up."""

from __future__ import annotations

from typing import Any

from relay.team.log import TeamCapture


def a_team_capture(number: int = 1, **changes: Any) -> TeamCapture:
    """The same for the same number."""
    usual: dict[str, Any] = {
        "node": "node-a",
        "received_at": 1_700_000_000_000_000 + number,
        "method": "POST",
        "target": f"/hook?number={number}",
        "http_version": "1.1",
        "client": "203.0.113.7:50312",
        "tls": None,
        "answer": 200,
        "answer_reason": None,
        "origin": "received",
        "headers": '[["Content-Type","application/json"]]',
        "body": b'{"number": %d}' % number,
    }
    return TeamCapture(**(usual | changes))
