"""What can be done with escalations: load, authorise, decide, append. No HTTP and no HTML here.

Read ``application`` for what people do, ``tasking`` and ``doing`` for what they do with tasks, ``looking`` for what they
read and ``permitting`` for who may; ``triggering`` and ``troubling`` for what other services' records mean, and
``reacting`` for what follows from them and from time; ``deciding`` for how a command is decided; ``reading`` and
``people`` for what is read of other services' streams; ``account``, ``task_account`` and ``folding`` for what is shown of
an episode, ``briefing`` and ``reading_out`` for what only whoever holds a task is shown.
"""

from __future__ import annotations

from services.escalation.application.account import Account, Turn
from services.escalation.application.application import Application, Confirmed
from services.escalation.application.briefing import Briefing
from services.escalation.application.doing import Said
from services.escalation.application.permitting import REFUSALS
from services.escalation.application.task_account import TaskAccount

__all__ = ["REFUSALS", "Account", "Application", "Briefing", "Confirmed", "Said", "TaskAccount", "Turn"]
