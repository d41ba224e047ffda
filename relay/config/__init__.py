"""Settings: flags > environment > project file > user file > default, as one frozen value.

Classes receive values; only commands call `load`, and only what needs secrets reads them.
"""

from relay.config.declarations import SECRETS, SecretSetting, Setting
from relay.config.entries import (
    LeftOut,
    RespondRule,
    Route,
    SecretSource,
    TeamAccess,
    TunnelChoice,
)
from relay.config.loading import (
    PROJECT_FILE,
    default_certs,
    default_db,
    find_project_file,
    load,
    project_file,
    user_file,
)
from relay.config.plain_json import plain_values
from relay.config.project import (
    UntrustedSettings,
    leave_out,
    real_path,
    refuse,
    why_left_out,
    with_left_out_of,
)
from relay.config.secrets import preferred_secret, read_app_token, read_client, read_secrets, read_team_url
from relay.config.settings import SETTINGS, Settings
from relay.config.trusted import OuterSetting, ProjectFile

__all__ = [
    "PROJECT_FILE",
    "SECRETS",
    "SETTINGS",
    "LeftOut",
    "OuterSetting",
    "ProjectFile",
    "RespondRule",
    "Route",
    "SecretSetting",
    "SecretSource",
    "Setting",
    "Settings",
    "TeamAccess",
    "TunnelChoice",
    "UntrustedSettings",
    "default_certs",
    "default_db",
    "find_project_file",
    "leave_out",
    "load",
    "plain_values",
    "preferred_secret",
    "project_file",
    "read_app_token",
    "read_client",
    "read_secrets",
    "read_team_url",
    "real_path",
    "refuse",
    "user_file",
    "why_left_out",
    "with_left_out_of",
]
