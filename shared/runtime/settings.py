"""Settings of a service: environment variables that begin with ``LONEWATCH_``, read once, in ``__main__``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

RELEASE = "0.1.0"
"""Written into every event: what decided it."""

RING = "Ring your supervisor or the duty desk; where somebody may be in danger, ring the emergency services."
"""What is said where the operator has not said whom to ring: true everywhere, and nobody's number."""


class ServiceSettings(BaseSettings):
    """What every service needs."""

    model_config = SettingsConfigDict(env_prefix="LONEWATCH_", frozen=True)

    database: SecretStr
    """Address of the log's database, with this service's role and password."""
    keys_database: SecretStr
    """Address of the keys database, with the same role."""
    wrapping_key_file: Path
    """The operator's key: 64 hexadecimal digits."""
    host: str = "127.0.0.1"
    port: int
    replica: str = "1"
    """Tells replicas of one service apart."""
    public_url: str = "http://127.0.0.1:8080"
    """Where people reach the front: links in messages begin with it."""
    alarm_chain: tuple[str, ...] = ("checkin", "escalation", "notifier", "audit")
    """The services without which nobody is watched over; a test that runs one alone gives fewer."""
    ring: str = Field(default=RING, min_length=1, max_length=300)
    """Whom to ring while the watch is impaired, as one sentence; every answer then says it."""
