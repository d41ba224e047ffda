"""A backend as a program: `python -m tests.support.backend PORT [REPLY...]`, for the demo.

Listens until SIGTERM and prints `ready PORT` first. Replies are those of `backends.replies`.
"""

from __future__ import annotations

import signal
import sys

from tests.support.backends import backend, replies


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with backend(replies(*sys.argv[2:]), port=int(sys.argv[1])) as listening:
        print(f"ready {listening.port}", flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
