"""A store that does not look at its files: the control of the tests that harm them."""

from __future__ import annotations

from relay.store.errors import StoreTrouble
from relay.store.write.file_identity import Whereabouts
from relay.store.write.process import main


def _sees_nothing(self: Whereabouts) -> StoreTrouble | None:
    return None


Whereabouts.astray = _sees_nothing  # type: ignore[method-assign,assignment]
Whereabouts.committed = _sees_nothing  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    main()
