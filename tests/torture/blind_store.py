"""A store that does not look at its files: the control of the tests that harm them."""

from __future__ import annotations

from relay.store.errors import StoreUnavailable
from relay.store.write.file_identity import FileIdentity
from relay.store.write.process import main


def _sees_nothing(self: FileIdentity) -> StoreUnavailable | None:
    return None


FileIdentity.moved_or_replaced = _sees_nothing  # type: ignore[method-assign,assignment]
FileIdentity.committed = _sees_nothing  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    main()
