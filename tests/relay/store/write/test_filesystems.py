"""Which file system a folder is on, from what Linux and macOS say."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.errors import RelayError
from relay.store.write import files, filesystems

MOUNTINFO = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /mnt/share rw - nfs4 server:/export rw
31 22 0:26 / /mnt/with\\040space rw shared:9 master:1 - 9p hostshare rw
36 22 0:31 / /mnt/dürre\\040\\134x rw - nfs server:/x rw
32 22 0:27 / /home/me/drive rw - fuse.sshfs me@host: rw
33 22 0:28 / /mnt/share/local rw - xfs /dev/vdb rw
34 22 0:29 / /over rw - nfs4 server:/old rw
35 22 0:30 / /over rw - ext4 /dev/vdc rw
"""

MACOS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//me@server/share on /Volumes/share (smbfs, nodev, nosuid, mounted by me)
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/mnt/share/deep/er", "nfs4"),
        ("/mnt/with space/x", "9p"),
        ("/mnt/dürre \\x/y", "nfs"),
        ("/home/me/drive", "fuse.sshfs"),
        ("/home/me/driven", "ext4"),
        ("/mnt/share/local/db", "xfs"),
        ("/over/x", "ext4"),
    ],
)
def test_the_innermost_mount_decides(folder: str, kind: str) -> None:
    """Of nested mounts the longest path holds, of two on one point the later; blanks are unescaped."""
    assert filesystems.filesystem_of(Path(folder), filesystems._linux_mounts(MOUNTINFO)) == kind


def test_macos_lists_its_mounts_otherwise() -> None:
    """The lines of `mount` give the same answer."""
    mounts = filesystems._macos_mounts(MACOS)
    assert filesystems.filesystem_of(Path("/Volumes/share/x"), mounts) == "smbfs"
    assert filesystems.filesystem_of(Path("/Users/me"), mounts) == "apfs"


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "9p", "drvfs", "vmhgfs", "fuse", "fuse.sshfs", "fuseblk", "macfuse"),
        *("osxfs", "grpcfuse", "virtiofs", "fakeowner"),  # Docker Desktop's shares.
    ],
)
def test_networks_and_bridges_are_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that does not promise shared memory is told by name; local ones are None."""
    monkeypatch.setattr(filesystems, "_mounts", lambda: [("/", kind)])
    assert filesystems.network_filesystem(Path("/data")) == kind
    monkeypatch.setattr(filesystems, "_mounts", lambda: [("/", "ext4")])
    assert filesystems.network_filesystem(Path("/data")) is None


def test_this_machine_s_own_folder_is_local(tmp_path: Path) -> None:
    """What the system really says is understood: the tests' own folder takes a database."""
    assert filesystems.network_filesystem(tmp_path) is None
    assert filesystems.filesystem_of(tmp_path, filesystems._mounts())


@pytest.fixture
def bindfs(tmp_path: Path) -> Iterator[Path]:
    """A folder that a program in user space serves."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    lower.mkdir()
    upper.mkdir()
    try:
        subprocess.run(["bindfs", str(lower), str(upper)], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"bindfs is not there, or may not mount here: {error}")
    yield upper
    subprocess.run(["umount", str(upper)], check=True, capture_output=True)


def test_a_real_fuse_mount_takes_no_database(bindfs: Path) -> None:
    """It is recognised by what the system says of it, and nothing is made there."""
    with pytest.raises(RelayError) as caught:
        files.prepare_folder(bindfs / "relay.db")
    assert caught.value.word == "network-filesystem"
    assert "is on a fuse" in str(caught.value)
    files.prepare_folder(bindfs / "relay.db", allow_network_fs=True)
    assert not [*bindfs.iterdir()]
