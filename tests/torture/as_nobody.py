"""The program as a user without rights: started by root, it gives its rights up once it is loaded.

For tests that root runs, whom no file mode stops. The modules are loaded first, since they may lie
where only root can read.
"""

from __future__ import annotations

import os
import sys

from relay.cli import run
from relay.cli.listen.command import listen_command

NOBODY = 65534

if __name__ == "__main__":
    assert listen_command.name == "listen"
    for name in ("HOME", "XDG_RUNTIME_DIR"):
        os.chown(os.environ[name], NOBODY, NOBODY)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    sys.exit(run(sys.argv[1:]))
