"""Finds the file system of a folder, and whether it supports a WAL database."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NETWORK_FILESYSTEMS = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "afpfs",
        "webdav",
        "9p",
        "drvfs",
        "vboxsf",
        "prl_fs",
        "virtiofs",
        "osxfs",
        "ceph",
        "glusterfs",
        "lustre",
        "afs",
        "ncpfs",
        "beegfs",
        "gpfs",
        "vmhgfs",
        "fakeowner",
        "grpcfuse",
        "fuse",
        "fuseblk",
        "macfuse",
        "osxfuse",
    ]
)
"""WAL needs memory shared between processes of one host (sqlite.org/wal.html); these do not promise it.

Docker Desktop's shares are osxfs, grpcfuse, virtiofs or fakeowner, by its age and settings."""


def network_filesystem(folder: Path) -> str | None:
    """The file system of a folder, if it is a network's or a bridge's; None for local ones."""
    kind = filesystem_of(folder, _mounts())
    return kind if kind in NETWORK_FILESYSTEMS or kind.startswith("fuse.") else None


def filesystem_of(folder: Path, mounts: list[tuple[str, str]]) -> str:
    """The file system of the innermost mount that contains a folder; empty if there is none.

    Args:
        mounts: `(mount point, file system)` in the order of mounting; a later one hides an earlier one.
    """
    resolved = folder.resolve()
    best, kind = -1, ""
    for point, name in mounts:
        if resolved.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), name
    return kind


def _mounts() -> list[tuple[str, str]]:
    """Mount points with their file systems; empty if the system does not say."""
    try:
        if sys.platform == "darwin":
            listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True)
            return _macos_mounts(listing.stdout)
        return _linux_mounts(Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape"))
    except (OSError, subprocess.SubprocessError):
        return []


def _linux_mounts(mountinfo: str) -> list[tuple[str, str]]:
    """Read /proc/self/mountinfo (proc(5)): mount point is field 5, the file system follows ` - `."""
    mounts = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) > 4 and right:
            mounts.append((_OCTAL.sub(_byte, fields[4]), right.split(" ")[0]))
    return mounts


_OCTAL = re.compile(r"\\([0-7]{3})")
"""Spaces, tabs, line feeds and backslashes in mountinfo."""


def _byte(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))


def _macos_mounts(listing: str) -> list[tuple[str, str]]:
    """Read the lines of `mount`: `/dev/disk1 on /path (apfs, local, journaled)`."""
    mounts = []
    for line in listing.splitlines():
        left, _, options = line.rpartition(" (")
        _, _, point = left.partition(" on ")
        if point:
            mounts.append((point, options.rstrip(")").split(",")[0]))
    return mounts
