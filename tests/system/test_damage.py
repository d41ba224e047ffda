"""A database harmed while a relay runs: no 200 for what cannot be read, and what can be kept is kept."""

from __future__ import annotations

from pathlib import Path

from tests.torture.damages import BLIND, harm


def test_a_backup_copied_over_it(tmp_path: Path) -> None:
    """From then on it answers 503 and says why at once; started again, it goes on with the backup."""
    result = harm(tmp_path / "run", "cp BACKUP DB")
    assert result.found_after == result.acked_after, result
    assert result.refused > 0, result
    assert "relay.db was changed by another program" in result.said
    assert result.found_before > 0, result
    assert not result.traceback


def test_its_log_removed(tmp_path: Path) -> None:
    """What the -wal held is kept, and it goes on by itself with another process."""
    result = harm(tmp_path / "run", "rm DB-wal")
    assert (result.found_before, result.found_after) == (result.acked_before, result.acked_after), result
    assert result.acked_after > 0, result
    assert "all of it is in relay.db now" in result.said


def test_its_index_overwritten(tmp_path: Path) -> None:
    """A -shm that was overwritten during a transaction is built again: all that was stored is found."""
    result = harm(tmp_path / "run", "dd over DB-shm")
    assert (result.found_before, result.found_after) == (result.acked_before, result.acked_after), result
    assert result.acked_after > 0, result
    assert not result.traceback


def test_its_index_emptied(tmp_path: Path) -> None:
    """A -shm that was truncated ends the process that has it mapped (SIGBUS); what got 200 is found."""
    result = harm(tmp_path / "run", "> DB-shm")
    assert (result.found_before, result.found_after) == (result.acked_before, result.acked_after), result
    assert not result.traceback


def test_who_does_not_look_answers_200_for_nothing(tmp_path: Path) -> None:
    """The control: without the look at the files, captures after the harm are answered 200 and lost.

    The files are removed: a copied backup loses nothing as long as the whole WAL fits on it, which is chance.
    """
    result = harm(tmp_path / "run", "rm DB DB-wal DB-shm", launcher=BLIND)
    assert result.acked_after > 0, result
    assert result.found_after == 0, result
