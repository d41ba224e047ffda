"""Steps at random against a model: `make torture`."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.torture.model import RelayModel
from tests.torture.totals import Part, rounds


def test_model(part: Part) -> None:
    """Whatever is done in whatever order: the database holds what the model does, and all of it is sent."""
    how = settings(
        max_examples=rounds(8),
        stateful_step_count=40,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    try:
        run_state_machine_as_test(RelayModel, settings=how)
    finally:
        part.count(RelayModel.steps, acked=RelayModel.acked, kills=RelayModel.kills)
