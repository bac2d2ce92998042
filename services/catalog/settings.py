"""What the catalog needs to be told: nothing beyond what every service does."""

from dataclasses import dataclass

from shared import config


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of the catalog."""
