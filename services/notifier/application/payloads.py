"""What a webhook receives: ids, codes and instants for machines, and the text for whoever they show it to. Does no IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.notifier.domain import ANSWERABLE, OFFERS
from shared.runtime.records import instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.notifier.application.attempts import Sought
    from services.notifier.application.messages import Said
    from shared.contracts.notifications import NotificationQueued


@dataclass(frozen=True)
class Payloads:
    """Makes payloads; addresses for replies begin with ``public_url``."""

    public_url: str

    def of(self, call_id: str, carried: Sequence[Sought], said: Sequence[Said], whole: Said) -> dict[str, Any]:
        """Return the payload of a call that carries these messages: of one its own, of many a list of theirs."""
        each = [self._data(one, its) for one, its in zip(carried, said, strict=True)]
        at = instant(max(one.recorded.recorded_at for one in carried))
        if len(each) == 1:
            return {"type": "lonewatch.notification", "timestamp": at, "data": each[0]}
        data = {"call_id": call_id, "text": whole.text, "notifications": each}
        return {"type": "lonewatch.notifications", "timestamp": at, "data": data}

    def _data(self, sought: Sought, said: Said) -> dict[str, Any]:
        queued = sought.queued
        return {
            "message_id": sought.message.message_id,
            "notification_id": queued.notification_id,
            "kind": queued.kind,
            "escalation_id": queued.escalation_id,
            "trigger": queued.trigger,
            "visit_id": sought.envelope.visit_id,
            "due_at": queued.due_at and instant(queued.due_at),
            "late": queued.late,
            "trouble": None if queued.trouble is None else queued.trouble.model_dump(mode="json"),
            "occasion": queued.occasion,
            "task": self._task(queued),
            "duress": said.duress,
            "text": said.text,
            "link": said.link,
            "reply": self._reply(queued),
        }

    def _task(self, queued: NotificationQueued) -> dict[str, Any] | None:
        """Return the task that is offered: numbered as in addresses, its name where that is known."""
        if not _offers(queued):
            return None
        passes_on_at = queued.passes_on_at and instant(queued.passes_on_at)
        return {"task": f"{queued.ladder_no}-{queued.step}", "name": queued.task, "passes_on_at": passes_on_at}

    def _reply(self, queued: NotificationQueued) -> dict[str, str] | None:
        """Return how it is answered, by taking what it is about; None where it asks for no answer."""
        if queued.kind not in ANSWERABLE:
            return None
        what = "take the task" if _offers(queued) else "acknowledge"
        return {
            "url": f"{self.public_url.rstrip('/')}/notifier/replies",
            "how": (
                f'To {what}, POST {{"type":"reply","data":{{"message_id":"…","reply":"acknowledge"}}}} to this url, '
                "signed as Standard Webhooks with the secret of this webhook and a webhook-id of your own."
            ),
        }


def _offers(queued: NotificationQueued) -> bool:
    return queued.kind in OFFERS or (queued.kind == "step" and queued.task is not None)
