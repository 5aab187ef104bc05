"""A client that writes down what it sent and what it was answered, for the checker to compare with the log.

Judges nothing, and sends nothing twice: whoever wants a repeat sends it again with the same key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2


@dataclass(frozen=True)
class Journal:
    """One person's client and the file in which it notes every command, a JSON line each."""

    client: httpx2.AsyncClient
    worker_id: str
    path: Path

    async def send(
        self,
        operation: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str,
        visit_id: str | None = None,
    ) -> httpx2.Response | None:
        """Post a command under ``key`` and note it; None where no answer came, so that nobody knows what became of it.

        ``operation`` is the name in the table of permissions: ``check_in``, ``extend_visit``, ``end_visit``, …
        """
        sent_at = datetime.now(UTC)
        response = None
        try:
            response = await self.client.post(path, json=dict(body or {}), headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return None
        finally:  # cancelled or broken: sent all the same
            self._note(operation, key, visit_id, sent_at, response)
        return response

    def _note(
        self, operation: str, key: str, visit_id: str | None, sent_at: datetime, response: httpx2.Response | None
    ) -> None:
        line = {
            "operation": operation,
            "source": f"http:{self.worker_id}",
            "id": key,
            "visit_id": visit_id,
            "sent_at": sent_at.isoformat(),
            "answered_at": None if response is None else datetime.now(UTC).isoformat(),
            "status": None if response is None else response.status_code,
            "answer": None if response is None else _object(response),
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _object(response: httpx2.Response) -> dict[str, Any] | None:
    """Return the answer where it is a JSON object: a front in between may answer something else."""
    try:
        found = response.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
