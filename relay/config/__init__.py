"""Settings: flags > environment > project file > user file > default, as one frozen value.

Classes receive values; only commands call `load`, and only what needs secrets reads them.
"""

from relay.config.known import SETTINGS, Setting
from relay.config.loading import PROJECT_FILE, default_certs, default_db, load, user_file
from relay.config.plain import plain_values
from relay.config.secrets import preferred_secret, read_app_token, read_secrets
from relay.config.settings import RETRIES, RespondRule, Route, SecretSource, Settings

__all__ = [
    "PROJECT_FILE",
    "RETRIES",
    "SETTINGS",
    "RespondRule",
    "Route",
    "SecretSource",
    "Setting",
    "Settings",
    "default_certs",
    "default_db",
    "load",
    "plain_values",
    "preferred_secret",
    "read_app_token",
    "read_secrets",
    "user_file",
]
