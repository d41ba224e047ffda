"""Targets: routes, reachability, certificates."""

from __future__ import annotations

import socket
from pathlib import Path

from relay.checks import targets
from relay.checks.running import engine_status
from relay.control import client
from relay.control.messages import PauseRequest
from relay.engine import engine
from tests.support.certificates import Pki
from tests.support.loaded_settings import settings


async def test_targets_are_reached_for(home: Path) -> None:
    """A target that answers is ok; one that does not is a warning with the reason; nothing is sent to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        (found,) = await targets.reachable(settings(forward_to=(f":{port}",)), None)
        assert (found.level, found.text) == ("ok", f"http://localhost:{port} can be reached")
        connection, _ = listening.accept()
        assert connection.recv(1) == b""
        connection.close()
    (found,) = await targets.reachable(settings(forward_to=(f":{port}",)), None)
    assert found.level == "warning"
    assert found.text == f"http://localhost:{port}: nothing listens on port {port}"
    (found,) = await targets.reachable(settings(), None)
    assert found.level == "ok"


async def test_routes_that_keep_the_relay_from_starting_are_faults(home: Path) -> None:
    """A filter that is wrong or known only later, and a target that is the relay itself, are faults."""
    found = await targets.reachable(settings(forward_to=(":1",), only="verdict:retry"), None)
    assert [each.level for each in found] == ["fault", "warning"]
    assert found[0].text.startswith("--only: verdict: cannot decide on arrival")
    found = await targets.reachable(settings(forward_to=(":5326/x",), port=5326), None)
    assert [(each.level, each.text) for each in found] == [
        ("fault", "http://localhost:5326/x is this relay itself")
    ]


async def test_certificates_that_go_unchecked_are_warned_of(home: Path) -> None:
    """`insecure` is said, with what to do in its place."""
    found = await targets.reachable(settings(forward_to=("https://localhost:1",), insecure=True), None)
    assert [each.level for each in found] == ["warning", "warning"]
    assert "target_ca" in str(found[1].next_step)


def test_files_for_targets(tmp_path: Path) -> None:
    """Whom to trust and what to show are looked at as at start, with the same words."""
    pki = Pki.make(tmp_path)
    assert list(targets.certificates(settings())) == []
    (fine,) = targets.certificates(settings(target_ca=pki.folder / "root.pem"))
    assert fine.level == "ok"
    (fault,) = targets.certificates(settings(target_ca=pki.folder / "server.key"))
    assert (fault.level, fault.text) == (
        "fault",
        f"{pki.folder / 'server.key'}: holds a private key and no certificate; are the two files swapped?",
    )
    spoilt = pki.file("both.pem", pki.root.pem.replace(b"MII", b"MIZ", 1) + pki.root.pem)
    assert [each.level for each in targets.certificates(settings(target_ca=spoilt))] == ["warning", "ok"]


def test_what_targets_are_shown(tmp_path: Path) -> None:
    """A certificate for targets that cannot be shown is a fault."""
    good = Pki.make(tmp_path).client("good")
    assert good.key is not None
    assert list(targets.certificates(settings())) == []
    shown = {"target_cert": good.cert, "target_key": good.key}
    assert [each.level for each in targets.certificates(settings(**shown))] == ["ok"]
    good.key.chmod(0o604)
    (fault,) = targets.certificates(settings(**shown))
    assert fault.level == "fault"


async def test_targets_of_the_running_engine_that_no_setting_names(home: Path) -> None:
    """A target of a flag is known to the engine alone; the settings read here would say there is none."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        target = f"http://localhost:{listening.getsockname()[1]}"
        async with engine.running(settings(forward_to=(target,)), receive=True):
            (found,) = await targets.reachable(settings(), await engine_status(settings()))
            assert (found.level, found.text) == ("ok", f"{target} of the running engine is up")
            (named,) = await targets.reachable(
                settings(forward_to=(target,)), await engine_status(settings())
            )
            assert named.text == f"{target} can be reached"
            await client.request(settings().db, PauseRequest())
            (paused,) = await targets.reachable(settings(), await engine_status(settings()))
            assert (paused.level, paused.text) == ("warning", f"{target} of the running engine is paused")
