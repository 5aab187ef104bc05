"""What an escalation needs to know from other services' streams: the ladder of a policy, and who can be told.

Whatever of it cannot be read is left out: an alarm with half a directory and no ladder is better than none. Whoever asks
for permission is judged elsewhere (``shared.runtime.identity``), and there what cannot be read is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.escalation.domain import Directory
from shared.contracts.base import OPERATOR_SITE, stream_of
from shared.contracts.escalations import EscalationJoined, EscalationOpened
from shared.contracts.grants import fold_grants
from shared.contracts.ladders import Ladder, Trigger
from shared.contracts.notifications import NotReached
from shared.contracts.visits import OperatorLadderSet, PolicyAdopted, SiteRegistered, VisitPlanned
from shared.runtime.log import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.escalation.application.triggering import Triggered
    from shared.contracts.base import Event
    from shared.runtime.log import Loaded
    from shared.runtime.postgres import Pool

# Which of these streams hold an event of one type. Uses event_stream_version (stream_id, version).
HOLDING = "SELECT DISTINCT stream_id FROM log.event WHERE stream_id = ANY ($1) AND type = $2"


@dataclass(frozen=True)
class Rules:
    """The ladder for a trigger and where it stands. Each is None where it cannot be read."""

    policy_id: str | None
    policy_version: int | None
    ladder: Ladder | None


async def directory_of(pool: Pool, site_id: str) -> Directory:
    """Return who can be told at this moment: those of the site, then those of the operator."""
    return _directory(await load(pool, _grants(site_id), lenient=True), site_id)


async def rules_and_directory(pool: Pool, triggered: Triggered) -> tuple[Rules, Directory]:
    """Return by which ladder a trigger runs and who can be told: of a visit, both in one look."""
    policy_id, version = triggered.policy_id, triggered.policy_version
    if triggered.trigger == "system":
        policy_id = OPERATOR_SITE
    elif policy_id is None:
        policy_id, version = await _policy_of_site(pool, triggered.site_id), None
    streams = [] if policy_id is None else [stream_of("policy", policy_id)]
    loaded = await load(pool, [*streams, *_grants(triggered.site_id)], lenient=True)
    directory = _directory(loaded, triggered.site_id)
    if policy_id is None:
        return Rules(None, None, None), directory
    history = loaded[streams[0]].events
    if triggered.trigger == "system":
        ladders = [event.ladder for event in history if isinstance(event, OperatorLadderSet)]
        return Rules(None, None, ladders[-1] if ladders else None), directory
    return _rules(history, triggered.trigger, policy_id, version), directory


async def on_its_visit(pool: Pool, triggered: Triggered, visit_id: str) -> Triggered | None:
    """Return the trouble of a visit with its worker, site and policy, as far as the visit's plan can be read.

    Else as the visit's escalation has them; else with the site that the trouble names. None where the visit's
    escalations have had it as a trigger already: several services tell of the same record.
    """
    visit, escalation = stream_of("visit", visit_id), stream_of("escalation", visit_id)
    loaded = await load(pool, [visit, escalation], lenient=True)
    planned = [event for event in loaded[visit].events if isinstance(event, VisitPlanned)]
    raised = [event for event in loaded[escalation].events if isinstance(event, EscalationOpened | EscalationJoined)]
    if any(event.trigger_event_id == triggered.event_id for event in raised):
        return None
    opened = [event for event in raised if isinstance(event, EscalationOpened)]
    sources: list[VisitPlanned | EscalationOpened] = [*planned[:1], *opened[-1:]]
    for known in sources:
        return replace(
            triggered,
            worker_id=known.worker_id,
            site_id=known.site_id,
            policy_id=known.policy_id,
            policy_version=known.policy_version,
        )
    return triggered


async def clauses_of(pool: Pool, policy_id: str | None, version: int | None) -> Mapping[str, str]:
    """Return what the clauses of a version of a policy say in a few words; nothing where it cannot be read."""
    if policy_id is None:
        return {}
    stream_id = stream_of("policy", policy_id)
    adopted = (await load(pool, [stream_id], lenient=True))[stream_id].events
    versions = [event for event in adopted if isinstance(event, PolicyAdopted) and event.policy_version == version]
    return versions[-1].policy.clauses if versions else {}


async def not_reached_of(pool: Pool, notification_ids: Iterable[str]) -> frozenset[str]:
    """Return which of these notifications reached nobody. Reads no record, so none of them needs to be readable."""
    stream_of_id = {stream_of("notification", notification_id): notification_id for notification_id in notification_ids}
    rows = await pool.fetch(HOLDING, list(stream_of_id), NotReached.type)
    return frozenset(stream_of_id[row["stream_id"]] for row in rows)


async def _policy_of_site(pool: Pool, site_id: str) -> str | None:
    stream_id = stream_of("site", site_id)
    events = (await load(pool, [stream_id], lenient=True))[stream_id].events
    found = [event.policy_id for event in events if isinstance(event, SiteRegistered)]
    return found[-1] if found else None


def _rules(history: Sequence[Event], trigger: Trigger, policy_id: str, version: int | None) -> Rules:
    """Return the ladder of the version frozen in the visit; without one, of the policy in force."""
    versions = {event.policy_version: event.policy for event in history if isinstance(event, PolicyAdopted)}
    version = version or max(versions, default=None)
    try:
        ladder = versions[version].ladder_for(trigger) if version is not None else None
    except KeyError:
        ladder = None
    return Rules(policy_id, version, ladder)


def _grants(site_id: str) -> list[str]:
    return [stream_of("grant", site_id), stream_of("grant", OPERATOR_SITE)]


def _directory(loaded: Loaded, site_id: str) -> Directory:
    site, operator = _grants(site_id)
    return Directory.of(fold_grants(loaded[site].events) + fold_grants(loaded[operator].events))
