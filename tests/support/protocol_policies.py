"""A small operator's policy for what the files in policies/ do not hold yet, each rule with the clause that asks for it.

S0 is online mentoring, S1 a sole provider, S2 learners on site: what they say of emergencies, on the ladders of one operator.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.support.protocol_world import STEPPING_STONES, rules_of

OURS: dict[str, Any] = {"ours": True}


def _cites(clause: str, *rows: str) -> dict[str, Any]:
    return {"clauses": [clause], "requirements": list(rows)}


def _step(key: str, name: str, cites: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": key, "name": name, "wait": "5 minutes", "wait_cites": OURS, "cites": cites, **more}


def _task(who: list[str], *outcomes: dict[str, Any], **more: Any) -> dict[str, Any]:
    within = {"span": "2 minutes", "cites": OURS}
    return {"who": who, "outcomes": list(outcomes), "take_within": within, "finish_within": within, **more}


def _ladder(trigger: str, cites: dict[str, Any], *steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "trigger": trigger,
        "steps": list(steps),
        "acknowledgement_lasts": {"span": "15 minutes", "cites": OURS},
        "repeat_every": {"span": "5 minutes", "cites": OURS},
        "cites": cites,
    }


def small_operator() -> dict[str, Any]:
    """Return the policy."""
    rules = deepcopy(rules_of(STEPPING_STONES))
    called = {
        "code": "called",
        "says": "I have called 999",
        "leads_to": "line_manager",
        "records": ["called_at", "reference"],
        "cites": _cites("S2 Emergencies", "EM-01", "EM-02"),
    }
    safe = {"code": "safe", "says": "They are safe", "leads_to": "resolved", "how": "spoke_with_worker", "cites": OURS}
    has_it = {
        "code": "in_hand",
        "says": "I have taken it on",
        "leads_to": "acknowledged",
        "cites": _cites("S0 8", "EM-03"),
    }
    emergency = _step(
        "emergency_services",
        "Call 999 first",
        _cites("S0 8", "EM-01"),
        task=_task(["supervisor", "senior_leader"], called, safe, calls="emergency_services"),
    )
    then = _step(
        "line_manager",
        "Then the line manager, or the senior on call",
        _cites("S2 Emergencies", "EM-02"),
        notify=["head_of_provision", "senior_leader"],
    )
    matter = _step("dsl", "The DSL hears of it", _cites("S0 8", "EM-03"), task=_task(["dsl"], has_it))
    senior = _step("senior", "A senior leader can be reached", _cites("S0 7", "EM-07"), notify=["senior_leader"])
    told = _step(
        "stakeholders",
        "The session is over: those concerned hear of it as soon as possible",
        _cites("S1 6", "EM-05"),
        notify=["supervisor", "head_of_provision"],
    )
    rules |= {
        "policy_id": "small-operator",
        "title": "Lone working at a small operator",
        "organisation": "A small operator",
        "text": "Of the tests",
        "awaits": {},
        "unsafe_ends": {"reasons": ["unsafe"], "cites": _cites("S1 8", "DU-06")},
        "clauses": {},
        "ladders": [
            _ladder("check_in_missed", OURS, senior),
            _ladder("help", _cites("S0 8", "EM-01"), emergency, then),
            _ladder("safeguarding", _cites("S0 8", "EM-03"), matter),
            _ladder("unsafe", _cites("S1 6", "EM-05"), told),
        ],
    }
    return rules
