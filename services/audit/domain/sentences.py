"""One sentence for every event: what happened, to whom, by whom. A person stands in it as ``{worker_id}``."""

from __future__ import annotations

from datetime import datetime

from services.audit.domain.frozen import Ladders
from services.audit.domain.signals import of_person, of_signal
from services.audit.domain.task_words import of_task
from services.audit.domain.troubles import concern, late_words, of_trouble
from services.audit.domain.words import clock, person, plain, span, told, trigger_words, who
from shared.contracts import accounts, audits, awaited, escalations, grants, notifications, visits
from shared.contracts.base import Event
from shared.contracts.envelope import Recorded


def sentence(recorded: Recorded, ladders: Ladders) -> str:
    """Return what an event says, for people; ``ladders`` are those that its history froze."""
    event, by, near = recorded.event, who(recorded.envelope.actor), recorded.recorded_at
    said = (
        _of_visit(event, by, near)
        or _of_awaited(event, near)
        or _of_directory(event, by, near)
        or _of_accounts(event, by, near)
        or of_person(event, by)
        or of_signal(event, by)
        or of_task(event, near, ladders)
        or _of_escalation(event, near)
        or _of_notification(event, near)
        or _of_audit(event)
        or of_trouble(event, near)
        or f"{event.type} was recorded; this release has no sentence for it."
    )
    return said[0].upper() + said[1:]


def own_sentence(recorded: Recorded) -> str:
    """Return what an event says to the worker whom it is about, without the escalation that may have been behind it."""
    match recorded.event:
        case awaited.WatchResumed(due_at=due_at):
            return f"The watch goes on; a check-in is due at {clock(due_at, recorded.recorded_at)}."
        case notifications.AttemptStarted() as attempt:
            alone = attempt.model_copy(update={"call_id": None})
            return sentence(Recorded(recorded.envelope, alone), {})
        case _:
            return sentence(recorded, {})


def _of_visit(event: Event, by: str, near: datetime) -> str | None:
    match event:
        case visits.VisitPlanned() as plan:
            when = f"from {clock(plan.starts_at, near)} to {clock(plan.expected_end_at, near)}"
            every = f"a check-in at least every {span(plan.interval)}, {span(plan.grace)} of grace"
            return f"{by} planned a visit ({plain(plan.kind)}) of {person(plan.worker_id)} {when}: {every}."
        case visits.VisitApproved(assessment_id=assessment_id):
            return f"{person(event.by)} approved the visit on the strength of assessment {assessment_id}."
        case visits.VisitRefused(reason=reason):
            return f"{person(event.by)} refused the visit: {plain(reason)}."
        case visits.VisitCancelled(reason=reason):
            return f"{by} called the visit off: {plain(reason)}."
        case visits.VisitStarted(due_at=due_at, dynamic_assessment=answers):
            seen = ", ".join(f"{plain(code)}: {'yes' if yes else 'no'}" for code, yes in sorted(answers.items()))
            return (
                f"{by} started the visit ({seen or 'nothing was asked'}); a check-in is due at {clock(due_at, near)}."
            )
        case visits.CheckInRecorded(due_at=due_at):
            return f"{by} checked in; the next check-in is due at {clock(due_at, near)}."
        case visits.LateCheckInRecorded(missed_due_at=due_at):
            return f"{by} checked in late, after the check-in of {clock(due_at, near)} had been missed; this closes nothing."
        case visits.VisitExtended(expected_end_at=end, due_at=None):
            return f"{by} gave {clock(end, near)} as the new expected end, while a check-in was missed; this closes nothing."
        case visits.VisitExtended(expected_end_at=end, due_at=due_at) if due_at:
            return f"{by} extended the visit to {clock(end, near)}; the next check-in is due at {clock(due_at, near)}."
        case awaited.ReminderDue(worker_id=worker_id, occasion=occasion, due_at=due_at):
            return f"{person(worker_id)} is to be reminded of {_occasion(occasion, clock(due_at, near))}."
        case awaited.CheckInMissed(worker_id=worker_id, due_at=due_at, missed_at=missed_at, late=late):
            missed = f"{person(worker_id)} missed the check-in of {clock(due_at, near)}: none came by {clock(missed_at, near)}"
            return f"{missed}{late_words(late)}."
        case visits.VisitHelpRequested(worker_id=worker_id):
            return _help(by, worker_id, "on the visit")
        case awaited.WatchResumed(escalation_id=escalation_id, due_at=due_at):
            return f"the watch goes on after escalation {escalation_id}; a check-in is due at {clock(due_at, near)}."
        case visits.VisitEnded(reason=reason):
            return f"{by} ended the visit: {plain(reason)}."
        case visits.VisitReported(went=went):
            return f"{person(event.by)} reported how the visit went: {plain(went)}."
        case _:
            return None


def _occasion(occasion: str, due: str) -> str:
    """Return what a reminder is about."""
    match occasion:
        case "start":
            return f"the start of the visit, which was planned for {due}"
        case "end":
            return f"the end of the visit, which was expected at {due}"
        case "report":
            return f"the report of the visit, which is due at {due}"
        case _:
            return f"the check-in of {due}, {'before it is due' if occasion == 'before' else 'as it is due'}"


def _of_awaited(event: Event, near: datetime) -> str | None:
    """Return what is said of something that did not come."""
    match event:
        case awaited.ApprovalOverdue(due_at=due_at, late=late):
            return f"nobody had approved or refused the visit by {clock(due_at, near)}{late_words(late)}."
        case awaited.StartOverdue(worker_id=worker_id, starts_at=starts_at, due_at=due_at, late=late):
            planned = f"the visit was planned to start at {clock(starts_at, near)}"
            had = f"{person(worker_id)} had not started it by {clock(due_at, near)}"
            return f"{planned}, and {had}{late_words(late)}."
        case awaited.EndOverdue(worker_id=worker_id, expected_end_at=end, due_at=due_at, late=late):
            had = f"{person(worker_id)} had not ended it by {clock(due_at, near)}"
            return f"the visit was expected to end at {clock(end, near)}, and {had}{late_words(late)}."
        case awaited.ReportOverdue(worker_id=worker_id, due_at=due_at, late=late):
            return (
                f"{person(worker_id)} had not reported how the visit went by {clock(due_at, near)}{late_words(late)}."
            )
        case _:
            return None


def _help(by: str, worker_id: str, where: str) -> str:
    return f"{by} asked for help {where}" + ("." if by == person(worker_id) else f" for {person(worker_id)}.")


def _of_accounts(event: Event, by: str, near: datetime) -> str | None:
    match event:
        case visits.OperatorLadderSet(ladder=ladder):
            steps = ", ".join(step.name for step in ladder.steps)
            return f"{by} set who is told when something is wrong with Lonewatch itself: {steps}."
        case accounts.TokenIssued(worker_id=worker_id):
            return f"{by} issued a token to {person(worker_id)}."
        case accounts.TokenRevoked(worker_id=worker_id, token_id=token_id):
            return f"{by} revoked token {token_id} of {person(worker_id)}."
        case accounts.PasswordSet(worker_id=worker_id):
            return f"{by} set a password for {person(worker_id)}; earlier sessions ended."
        case accounts.PasswordRemoved(worker_id=worker_id):
            return f"{by} removed the password of {person(worker_id)}; their sessions ended."
        case accounts.SignedIn(worker_id=worker_id):
            return f"{person(worker_id)} signed in with their password."
        case accounts.SignedOut(worker_id=worker_id, session_id=None):
            return f"{by} ended every session of {person(worker_id)}."
        case accounts.SignedOut(worker_id=worker_id):
            return f"{person(worker_id)} signed out."
        case accounts.SignInLocked(worker_id=worker_id, failures=failures, until_at=until):
            locked = (
                f"after {failures} wrong passwords nobody signs in as {person(worker_id)} until {clock(until, near)}"
            )
            return f"{locked}; tokens, sessions and calls for help are untouched."
        case _:
            return None


def _of_directory(event: Event, by: str, near: datetime) -> str | None:
    match event:
        case visits.SiteRegistered(site_id=site_id, policy_id=policy_id):
            return f"{by} registered site {site_id}, which follows policy {policy_id}."
        case visits.PolicyAdopted(policy_id=policy_id, policy_version=version):
            return f"{by} adopted version {version} of policy {policy_id}."
        case visits.WorkerRegistered(worker_id=worker_id, site_id=site_id):
            return f"{by} registered {person(worker_id)} at site {site_id}."
        case visits.ContactPointsSet(worker_id=worker_id, contact_points=points):
            return f"{by} set how {person(worker_id)} is reached: {len(points)} contact points."
        case visits.WorkerHelpRequested(worker_id=worker_id):
            return _help(by, worker_id, "without a visit")
        case grants.GrantGiven(worker_id=worker_id, role=role, site_id=site_id):
            return f"{by} made {person(worker_id)} {plain(role)} at {site_id}."
        case grants.GrantWithdrawn(worker_id=worker_id, role=role, site_id=site_id):
            return f"{by} withdrew the role {plain(role)} at {site_id} from {person(worker_id)}."
        case visits.AssessmentRecorded(assessment_id=assessment_id, outcome=outcome, valid_until_at=until):
            return f"{by} recorded assessment {assessment_id}: {plain(outcome)}, valid until {clock(until, near)}."
        case _:
            return None


def _of_escalation(event: Event, near: datetime) -> str | None:
    match event:
        case escalations.EscalationOpened(escalation_id=escalation_id, trigger=trigger, ladder=ladder) as opened:
            how = "its ladder runs from here" if ladder else "its ladder could not be read, so everyone is told at once"
            about = f"{trigger_words(trigger)}{concern(opened.trouble)}"
            return f"escalation {escalation_id} opened ({about}){late_words(opened.late)}; {how}."
        case (
            escalations.EscalationJoined(part=part, asks=asks)
            | escalations.StepStarted(part=part, asks=asks)
            | escalations.AcknowledgementRanOut(part=part, asks=asks)
            | escalations.EscalationExhausted(part=part, asks=asks)
            | escalations.EscalationResolved(part=part, asks=asks)
            | escalations.EscalationStoodDown(part=part, asks=asks)
            | escalations.EscalationLapsed(part=part, asks=asks)
        ) if part > 1:
            return f"part {part} of the same; told too: {told(asks)}."
        case escalations.EscalationJoined(escalation_id=escalation_id, ladder_no=number, asks=asks) as joined:
            starts = f"; ladder {number} starts{_instead(joined.stopped)}" if number else ""
            what = f"{trigger_words(joined.trigger)} joined escalation {escalation_id}{concern(joined.trouble)}"
            return f"{what}{late_words(joined.late)}{starts}; told: {told(asks)}."
        case escalations.StepReachedNobody(turn=turn, next_at=next_at):
            follows = f"what follows is due at {clock(next_at, near)}"
            return f"nobody of those asked in turn {turn} of the ladder could be told; {follows}."
        case escalations.StepStarted(step=step, name=name, asks=asks, next_at=next_at):
            reached = f"told: {told(asks)}" if asks else "nobody holds its roles, so nobody is told"
            return f"step {step} ({name}) started; {reached}; what follows is due at {clock(next_at, near)}."
        case escalations.EscalationAcknowledged(by=by, via=via, runs_out_at=until):
            return f"{person(by)} acknowledged the escalation ({via}); this runs out at {clock(until, near)}."
        case escalations.AcknowledgementRanOut(by=by, asks=asks):
            return f"the acknowledgement of {person(by)} ran out without an end; it alarms again; told: {told(asks)}."
        case escalations.EscalationExhausted(round=number, asks=asks, next_at=next_at):
            follows = f"again at {clock(next_at, near)}"
            return f"no step is left, nobody has taken it (round {number}); everyone is told: {told(asks)}; {follows}."
        case _:
            return _of_end(event)


def _of_end(event: Event) -> str | None:
    match event:
        case escalations.EscalationResolved(by=by, confirmed_by=confirmed_by, how=how):
            return f"{person(by)} resolved the escalation: {person(confirmed_by)} confirmed that the worker is safe ({plain(how)})."
        case escalations.EscalationStoodDown(by=by, reason=reason):
            return f"{person(by)} stood the escalation down: {plain(reason)}."
        case escalations.EscalationLapsed(escalation_id=escalation_id, reason=reason, asks=asks):
            came = f"what was awaited came ({plain(reason)})"
            return f"escalation {escalation_id} ended by itself: {came}; told: {told(asks)}."
        case _:
            return None


def _instead(stopped: tuple[int, ...]) -> str:
    """Return how a sentence goes on about the ladders that a new one stops."""
    if not stopped:
        return ""
    which = f"ladder {stopped[0]}" if len(stopped) == 1 else f"ladders {', '.join(map(str, stopped))}"
    return f" instead of {which}, which stopped for good"


def _of_notification(event: Event, near: datetime) -> str | None:
    match event:
        case notifications.NotificationQueued(recipient_id=recipient_id, kind=kind, messages=messages):
            by = ", ".join(message.channel for message in messages) or "no contact point"
            if kind == "test":
                asks = "it asks nothing but whether it arrives"
                return f"test alarm {event.notification_id} to {person(recipient_id)} queued: {by}; {asks}."
            return f"notification {event.notification_id} ({plain(kind)}) to {person(recipient_id)} queued: {by}."
        case notifications.NotReached(notification_id=notification_id, recipient_id=recipient_id, reason=reason):
            return f"{person(recipient_id)} was not reached by notification {notification_id}: {plain(reason)}."
        case notifications.AttemptStarted(message_id=message_id, attempt=attempt, channel=channel, call_id=call_id):
            others = f", in one call with others ({call_id})" if call_id else ""
            return f"attempt {attempt} to send message {message_id} by {channel} began{others}."
        case notifications.RecipientAttemptStarted(recipient_id=recipient_id, attempt=attempt, channel=channel) as call:
            carries = len(call.notification_ids)
            many = f", which carries {carries} notifications," if carries > 1 else ""
            return f"attempt {attempt} to reach {person(recipient_id)} by {channel} with message {call.message_id}{many} began."
        case notifications.AttemptAccepted(message_id=message_id, attempt=attempt):
            return f"the provider took message {message_id} (attempt {attempt}); it says nothing of a person."
        case notifications.AttemptFailed(message_id=message_id, attempt=attempt, reason=reason, retry_at=retry_at):
            return f"attempt {attempt} to send message {message_id} failed: {plain(reason)}; {_again(retry_at, near)}."
        case notifications.AttemptUnknown(message_id=message_id, attempt=attempt, reason=reason, retry_at=retry_at):
            unknown = f"whether the provider took message {message_id} (attempt {attempt}) is unknown"
            return f"{unknown}: {plain(reason)}; {_again(retry_at, near)}."
        case notifications.NotificationWithdrawn(notification_id=notification_id, reason=reason):
            return f"notification {notification_id} was withdrawn: {plain(reason)}."
        case notifications.ReplyReceived(recipient_id=recipient_id, reply="reached", message_id=message_id):
            return f"{person(recipient_id)} says that test message {message_id} reached them."
        case notifications.ReplyReceived(recipient_id=recipient_id, reply=reply, message_id=message_id):
            return f"{person(recipient_id)} replied to message {message_id}: {reply}."
        case _:
            return None


def _again(retry_at: datetime | None, near: datetime) -> str:
    return f"it goes again at {clock(retry_at, near)}" if retry_at else "it does not go again"


def _of_audit(event: Event) -> str | None:
    match event:
        case audits.TimelineDisclosed(what="bundle", to=to, through=through):
            return f"{person(to)} was given a bundle of this, through position {through}."
        case audits.TimelineDisclosed(what="state", to=to, through=through):
            return f"{person(to)} read the state of this as of position {through}."
        case audits.TimelineDisclosed(to=to, through=through):
            return f"{person(to)} read this timeline through position {through}."
        case audits.TreeBegan(origin=origin, previous=previous):
            after = ", after the tree of the log before it" if previous else ""
            return f"The tree of this log began as {origin}{after}."
        case _:
            return None
