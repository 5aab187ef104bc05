"""Put notifier together: channels, application, feed, clock and web. No logic here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast

import httpx2

from services.notifier.api import router as api
from services.notifier.application import (
    REFUSALS,
    Application,
    Caller,
    Composer,
    Messages,
    People,
    Sender,
    Starter,
    TimingOut,
)
from services.notifier.application.crash import crash_at
from services.notifier.channels.mail import Mail
from services.notifier.channels.webhook import Webhook
from services.notifier.clock import deadlines
from services.notifier.feed import reactions, read_models
from services.notifier.heartbeat import heartbeat
from services.notifier.pages import router as pages
from services.notifier.settings import Settings
from shared.runtime.service import Base, Parts, Running
from shared.runtime.web import create_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

    from services.notifier.channels import Channel

_TLS: Mapping[str, Literal["none", "opportunistic", "starttls", "implicit"]] = {
    "none": "none",
    "opportunistic": "opportunistic",
    "starttls": "starttls",
    "tls": "implicit",
}


def build(base: Base) -> Parts:
    """Return what the runtime starts."""
    settings = cast("Settings", base.settings)  # ``__main__`` and the tests give no other
    people = People(base.commands)
    composer = Composer(base.keyring, people, Messages(), settings.public_url)
    at = crash_at(settings.crash_at)
    sender = Sender(
        base.commands,
        Starter(base.commands, composer, at),
        Caller(base.commands, composer, channels(settings), timedelta(seconds=settings.call_seconds), at),
        TimingOut(base.commands),
        base.tasks,
    )
    application = Application(base.commands, base.keyring, base.authority, people, sender, base.pool)

    def web(running: Running) -> FastAPI:
        app = create_app(running, REFUSALS, "Lonewatch notifier")
        app.include_router(api)
        app.include_router(pages)
        app.state.application = application
        return app

    loops = (sender.run, *heartbeat(base, settings.heartbeat_url))
    return Parts(reactions(application), read_models(), deadlines(application), web, loops=loops)


def channels(settings: Settings) -> Mapping[str, Channel]:
    """Return the channels that are set up: webhooks always, mail where there is a mail server."""
    timeout = timedelta(seconds=settings.call_seconds)
    # Keeps no connection between calls, so there is nothing to close; and no call waits for another to end.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    found: dict[str, Channel] = {"webhook": Webhook(httpx2.AsyncClient(limits=limits), timeout)}
    if settings.smtp_host is not None:
        found["mail"] = Mail(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.mail_from,
            tls=_TLS[settings.smtp_security],
            username=settings.smtp_username,
            password=None if settings.smtp_password is None else settings.smtp_password.get_secret_value(),
            timeout=timeout,
        )
    return found
