"""Each reason that the program can give has words of its own."""

import re
from pathlib import Path

import pytest

import relay
from relay.text.refusals import MEANINGS, meaning
from relay.tls.verdicts import MEANINGS as VERIFICATIONS

ROOT = Path(relay.__file__).parent


def given() -> set[str]:
    """The reasons that stand in the code which refuses, and those made of OpenSSL's verdicts."""
    files = [
        *(ROOT / "receiver").glob("*.py"),
        *(ROOT / "engine").glob("*.py"),
        *(ROOT / "tls").glob("*.py"),
        *(ROOT / "store").rglob("*.py"),
    ]
    code = "".join(path.read_text(encoding="utf-8") for path in files if path.name != "shapes.py")
    found = set(re.findall(r'(?:note|drop|_refuse|StoreUnavailable)\(\s*(?:self[\w.]+, )?"([a-z-]+)"', code))
    found |= set(re.findall(r'Refused\(\s*\d+,\s*"([a-z-]+)"', code))
    found |= set(re.findall(r'Failure\(\s*reason="([a-z-]+)"', code))
    return found


def test_the_search_for_reasons_finds_some() -> None:
    """Each kind of place where a reason is given is seen."""
    assert given() >= {
        "too-large", "cross-site", "malformed", "head-timeout", "shutting-down", "tls-timeout", "store-full",
        "store-locked", "store-failing", "tls-plain-http", "internal", "hung-up", "too-many-connections",
        "store-gone", "store-slow",
    }  # fmt: skip


@pytest.mark.parametrize("reason", sorted(given() | {"tls-no-certificate", "tls-wrong-pin"}))
def test_each_reason_has_words(reason: str) -> None:
    """None is left to the words for reasons that are not known."""
    assert reason in MEANINGS


def test_rare_verdicts_have_words_too() -> None:
    """What OpenSSL finds wrong with a certificate has its own words, or those for any certificate."""
    for verdict in {each.verdict for each in VERIFICATIONS.values()}:
        words = meaning(f"tls-{verdict}").words
        assert "certificate" in words or "authority" in words
    assert meaning("of-a-later-version").words == "another reason"


def test_words_fit_beside_each_other() -> None:
    """The few words fit into a column, and sentences end."""
    for each in MEANINGS.values():
        assert len(each.words) <= 42
        assert each.cause.endswith(".")
        assert each.advice.endswith(".")
