"""Settings of notifier: what every service needs, and how mail leaves the house."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read once, in ``__main__``."""

    smtp_host: str | None = None
    """The mail server. Without one every mail fails for good, with the reason ``channel_not_configured``."""
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["none", "opportunistic", "starttls", "tls"] = "opportunistic"
    """``starttls`` and ``tls`` insist and check the certificate; a login needs one of them."""
    mail_from: str = "lonewatch@localhost"
    """The sender of every mail, as name@host."""
    call_seconds: float = Field(default=10, gt=0, le=10)
    """The longest that one call to a mail server or a webhook may take; less than the 15 s that an attempt lasts."""
    crash_at: str | None = None
    """For tests alone: the crash point at which this process ends itself, and at which time of it (``after_call:3``)."""
    heartbeat_url: SecretStr | None = None
    """Asked for by GET every 15 s while everything that is due was done. Whoever knows it can keep the switch quiet, so it
    is a secret. Without one nobody outside notices that Lonewatch is gone."""
