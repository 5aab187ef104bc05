"""Run both sinks until told to stop: ``python -m deploy.sinks --folder …``."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import get_args

from deploy.sinks import Behaviour, MailSink, WebhookSink


async def run(folder: Path, mail_port: int, webhook_port: int) -> None:
    """Run both until told to stop; say in one line where they listen."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with (
        MailSink(folder / "mail.jsonl", mail_port, behaviour_file=folder / "mail.behaviour") as mail,
        WebhookSink(folder / "webhooks.jsonl", webhook_port, behaviour_file=folder / "webhooks.behaviour") as webhook,
    ):
        sys.stdout.write(json.dumps({"mail_port": mail.port, "webhook_url": webhook.url}) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main() -> None:
    """Read the command line and run both sinks."""
    parser = argparse.ArgumentParser(description="A mail server and a web server that write down what arrives.")
    parser.add_argument("--folder", type=Path, required=True, help="for mail.jsonl and webhooks.jsonl; a file "
                        "mail.behaviour or webhooks.behaviour there holds a word: " + ", ".join(get_args(Behaviour)))  # fmt: skip
    parser.add_argument("--mail-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--webhook-port", type=int, default=0, help="0 takes a free one")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(run(given.folder, given.mail_port, given.webhook_port))


if __name__ == "__main__":
    main()
