"""Who was to be told, and whether a provider took it. Judges nothing: it is missed where the log says so."""

from __future__ import annotations

from collections.abc import Iterable

from services.audit.domain.ledger import Ledger
from services.audit.domain.lines import Outcome
from services.audit.domain.words import person, plain
from shared.contracts.asks import Ask
from shared.contracts.base import Cites
from shared.contracts.envelope import Recorded
from shared.contracts.notifications import AttemptAccepted, NotificationWithdrawn, NotReached, ReplyReceived


class Telling:
    """One pass over a history: the notifications that were asked for so far."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def ask(self, recorded: Recorded, asks: Iterable[Ask], cites: Cites) -> None:
        """Expect that these people are told."""
        for ask in asks:
            roles = f" as {', '.join(plain(role) for role in ask.roles)}" if ask.roles else ""
            self.expect(recorded, ask.notification_id, ask.worker_id, f"at once{roles}", cites)

    def expect(self, recorded: Recorded, notification_id: str, recipient_id: str, said: str, cites: Cites) -> None:
        """Expect that one person is told."""
        saying = f"{person(recipient_id)} was to be told {said} (notification {notification_id})"
        key = f"notification/{notification_id}"
        self._ledger.arm(key, "notification", saying, recorded.recorded_at, recorded, actor=recipient_id, cites=cites)

    def apply(self, recorded: Recorded) -> None:
        """Take in one event: queued it was expected since it was asked for, and ends with what became of it."""
        match recorded.event:
            case AttemptAccepted(notification_id=notification_id):
                self._end(recorded, notification_id, "met", "a provider took it")
            case ReplyReceived(notification_id=notification_id):
                self._end(recorded, notification_id, "met", "answered")
            case NotReached(notification_id=notification_id, reason=reason):
                self._end(recorded, notification_id, "missed", f"not reached, {plain(reason)},")
            case NotificationWithdrawn(notification_id=notification_id, reason=reason):
                self._end(recorded, notification_id, "withdrawn", f"withdrawn, {plain(reason)},")
            case _:
                pass

    def _end(self, recorded: Recorded, notification_id: str, outcome: Outcome, how: str) -> None:
        self._ledger.end(f"notification/{notification_id}", recorded, outcome, how)
