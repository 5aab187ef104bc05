"""What the front is told in LONEWATCH_FRONT: where it listens, with which certificate, and where the replicas are."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.runtime.settings import RING, LonewatchSettings

if TYPE_CHECKING:
    from typing import Self


class Front(BaseModel):
    """One front."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int = Field(ge=1, le=65535)
    host: str = "127.0.0.1"
    """The address it listens on; 0.0.0.0 in a container, where only its network reaches it."""
    services: dict[str, tuple[str, ...]]
    """The addresses of each service's replicas."""
    certificate_file: Path | None = None
    """The certificate that browsers are shown, and those between it and one they know. Without one: no TLS."""
    key_file: Path | None = None
    """The certificate's key."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.certificate_file is None) is not (self.key_file is None):
            raise ValueError("certificate_file and key_file come together")
        return self

    def tls(self) -> dict[str, Any]:
        """Return what uvicorn needs for HTTPS. Raises ValueError where the two files are no certificate with its key."""
        if self.certificate_file is None or self.key_file is None:
            return {}
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"{self.certificate_file} and {self.key_file} cannot be used ({error.strerror or error}). "
                "They must be a certificate and its key as PEM, readable by this account, the key without a passphrase."
            ) from None
        return {"ssl_certfile": str(self.certificate_file), "ssl_keyfile": str(self.key_file)}


class FrontSettings(LonewatchSettings):
    """The front's environment."""

    front: Front
    ring: str = RING
    """Whom to ring while nobody answers."""
