"""The other ends: a mail server and a web server on this machine that take whatever comes, and write it down.

For the demo, and for tests, where they stand outside of everything they check. Run both as a process of their own:
``python -m deploy.sinks --folder …``.
"""

from deploy.sinks.mail import MailSink
from deploy.sinks.sink import Behaviour, Sink
from deploy.sinks.webhook import WebhookSink

__all__ = ["Behaviour", "MailSink", "Sink", "WebhookSink"]
