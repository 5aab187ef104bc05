"""What notifier does: queue what was asked for, send what is due, take replies. No HTTP and no HTML here.

Read ``application`` for the ways in and ``asking`` for who is told what. What is due comes into ``sending``, which
collects it in a mailbox (``collecting``) for each person and channel (``sorting`` says which), has a call begun by
``starting`` (``carrying`` decides what it carries) and made by ``calling``; ``timing_out`` answers for a call that left
no outcome. ``composing`` and ``messages`` are for what is said, ``people`` for whom, ``replies`` for what comes back.
"""

from __future__ import annotations

from services.notifier.application.application import REFUSALS, Application
from services.notifier.application.asking import ASKING, URGENT
from services.notifier.application.calling import Caller
from services.notifier.application.composing import Composer
from services.notifier.application.messages import Messages
from services.notifier.application.people import People
from services.notifier.application.replies import ForgedReply, Reply
from services.notifier.application.sending import Sender
from services.notifier.application.starting import Starter
from services.notifier.application.timing_out import TimingOut

__all__ = [
    "ASKING",
    "REFUSALS",
    "URGENT",
    "Application",
    "Caller",
    "Composer",
    "ForgedReply",
    "Messages",
    "People",
    "Reply",
    "Sender",
    "Starter",
    "TimingOut",
]
