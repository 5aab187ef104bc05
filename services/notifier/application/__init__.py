"""What notifier does: queue what was asked for, send what is due, take replies. No HTTP and no HTML here.

Read ``application`` for the ways in, ``asking`` for who is told what, ``sending`` for the call and its outcome,
``messages`` for what is said, ``people`` for whom, ``replies`` for what comes back.
"""

from __future__ import annotations

from services.notifier.application.application import REFUSALS, Application
from services.notifier.application.asking import ASKING
from services.notifier.application.messages import Messages
from services.notifier.application.people import People
from services.notifier.application.replies import ForgedReply, Reply
from services.notifier.application.sending import Sender

__all__ = ["ASKING", "REFUSALS", "Application", "ForgedReply", "Messages", "People", "Reply", "Sender"]
