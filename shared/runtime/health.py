"""How a service is, over HTTP: alive, ready, its metrics, and the status of all services. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Response
from prometheus_client import generate_latest

from shared.runtime.asking import reader
from shared.runtime.identity import Identity
from shared.runtime.kafka_status import KafkaStatus
from shared.runtime.lag import Lags
from shared.runtime.postgres import LOST
from shared.runtime.status import Status
from shared.runtime.telemetry import FEED_AGE, REGISTRY
from shared.runtime.watch import FRESH

if TYPE_CHECKING:
    from shared.runtime.service import Running


def add_health(app: FastAPI, running: Running) -> None:
    """Add the routes that say how a service is."""
    prefix = f"/{running.name}"
    lags = Lags(running.pool, running.feed.reactions, running.feed.read_models)
    status = Status(running, KafkaStatus(running.settings, running.carrying, lags))

    @app.get("/healthz", name="healthz", include_in_schema=False)
    @app.get(f"{prefix}/healthz", name="healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "alive"}

    @app.get("/readyz", name="readyz", include_in_schema=False)
    @app.get(f"{prefix}/readyz", name="readyz")
    async def readyz(response: Response) -> dict[str, Any]:
        """Say whether every loop has finished a cycle lately and no record waits too long."""
        stale, oldest = await _readiness(running)
        response.status_code = 503 if stale else 200
        impaired = running.watch.impairment
        return {
            "ready": not stale,
            "stale": stale,
            "oldest_waiting_seconds": oldest,
            "cycles": running.cycles.ages(),
            "watch": {"impaired": True, "why": list(impaired.why)} if impaired else {"impaired": False},
        }

    @app.get(f"{prefix}/status", name="read_status")
    async def read_status(by: Annotated[Identity, Depends(reader)]) -> dict[str, Any]:
        """Say how all services are: replicas, backlogs, what is overdue or not settled, what Kafka carries, the heartbeat."""
        await running.authority.authorise(by, "read_status", None)
        return {"release": running.release, **await status.read()}

    @app.get("/metrics", name="metrics", include_in_schema=False)
    @app.get(f"{prefix}/metrics", name="metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Show the metrics in Prometheus' text format."""
        await lags.measure()
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")


async def _readiness(running: Running) -> tuple[list[str], float | None]:
    """Return what is stale, and the age of the oldest record waiting. One stuck shard is a metric; nothing moving is not."""
    fresh = FRESH.total_seconds()
    ages = running.cycles.ages()
    stale = [f"{loop} has finished no cycle lately" for loop in running.loops if ages.get(loop, fresh + 1) > fresh]
    try:
        oldest = await running.feed.oldest()
    except LOST:
        return [*stale, "the log cannot be read"], None
    FEED_AGE.set(oldest)
    if oldest > fresh and running.feed.still_for() > fresh:
        stale.append("records wait to be applied and no position moves")
    return stale, oldest
