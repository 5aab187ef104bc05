"""Settings of a service: environment variables that begin with ``LONEWATCH_``, read once, in ``__main__``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.contracts.topics import PARTITIONS, SHARDS
from shared.runtime.secret_files import SecretFiles, with_password

RELEASE = "0.3.0"
"""Written into every event: what decided it."""

RING = "Ring your supervisor or the duty desk; where somebody may be in danger, ring the emergency services."
"""What is said where the operator has not said whom to ring: true everywhere, and nobody's number."""


class LonewatchSettings(BaseSettings):
    """Settings out of the environment, of which whatever is a secret may stand in a file instead."""

    model_config = SettingsConfigDict(env_prefix="LONEWATCH_", frozen=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Ask the caller, then the environment, then the files that the environment names."""
        del dotenv_settings, file_secret_settings  # there are no such files: what is not asked cannot surprise
        return init_settings, env_settings, SecretFiles(settings_cls)


class ServiceSettings(LonewatchSettings):
    """What every service needs."""

    database_password: SecretStr | None = None
    """Of the service's role, where the two addresses do not have it; stands before them, as they are made whole with it."""
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
    kafka: Literal["on", "off"] = "on"
    """Whether Kafka is used where its address is given; off follows the log alone."""
    kafka_bootstrap: str = ""
    """Where Kafka is, as ``host:port`` or several with commas between; empty: the log alone is followed."""
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """How Kafka is spoken to: ``ssl`` with a certificate and key of ours is mutual TLS."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the name and password are proved to Kafka, where the security is a ``sasl_`` one."""
    kafka_sasl_username: str = ""
    """The service's name at Kafka."""
    kafka_sasl_password_file: Path | None = None
    """Holds the password of that name; an end of line after it is passed over."""
    kafka_ca_file: Path | None = None
    """Whose certificates Kafka's must come from; without it those that the system trusts."""
    kafka_cert_file: Path | None = None
    """Our own certificate, for mutual TLS."""
    kafka_key_file: Path | None = None
    """The key of our own certificate."""
    kafka_replication: int = Field(default=0, ge=0, le=32767)
    """Copies of each topic that is made; 0: three where there are three brokers, else one."""
    kafka_partitions: int = Field(default=PARTITIONS, ge=1, le=SHARDS)
    """Partitions of each topic that is made. A topic that exists keeps what it has."""
    relay_most_per_second: int = Field(default=0, ge=0)
    """Records that a relay publishes in a second; 0: no bound. A brake on a cluster that others share."""

    @property
    def kafka_places(self) -> tuple[str, ...]:
        """Where Kafka is, an address each; none where the log alone is followed."""
        places = tuple(filter(None, (place.strip() for place in self.kafka_bootstrap.split(","))))
        return places if self.kafka == "on" else ()

    @field_validator("database", "keys_database")
    @classmethod
    def _whole(cls, address: SecretStr, info: ValidationInfo) -> SecretStr:
        """Put the password into an address that has none."""
        password = info.data.get("database_password")
        return (
            SecretStr(with_password(address.get_secret_value(), password.get_secret_value())) if password else address
        )
