"""What can be done with escalations: load, authorise, decide, append. No HTTP and no HTML here.

Read ``application`` for what people do and ``permitting`` for who may; ``triggering`` and ``troubling`` for what other
services' records mean, and ``reacting`` for what follows from them and from time; ``deciding`` for how a command is
decided; ``reading``, ``people`` and ``readable`` for what is read of other services' streams; ``account`` and ``folding``
for what is shown of an episode.
"""

from __future__ import annotations

from services.escalation.application.account import Account, Turn
from services.escalation.application.application import Application, Confirmed
from services.escalation.application.permitting import REFUSALS

__all__ = ["REFUSALS", "Account", "Application", "Confirmed", "Turn"]
