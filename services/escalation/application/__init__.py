"""What can be done with escalations: load, authorise, decide, append. No HTTP and no HTML here.

Read ``application`` for the commands, ``permitting`` for who may give them, ``deciding`` for how one is decided,
``reading`` for what is read of other services' streams, ``account`` and ``folding`` for what is shown of an episode.
"""

from __future__ import annotations

from services.escalation.application.account import Account, Turn
from services.escalation.application.application import Application, Confirmed
from services.escalation.application.permitting import REFUSALS
from services.escalation.application.reading import Triggered

__all__ = ["REFUSALS", "Account", "Application", "Confirmed", "Triggered", "Turn"]
