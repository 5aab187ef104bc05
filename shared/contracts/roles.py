"""Roles, and the one table of which role may do what. Read by the code and by the tests.

A role is held at a site, or at the operator (site id ``operator``) for every site. Whoever holds none may do
nothing but what concerns themselves, where the table says ``own``.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person may be at a site. The policies name them; who holds them is an event."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"
    LINE_MANAGER = "line_manager"
    HEAD_OF_PROVISION = "head_of_provision"
    DSL = "dsl"
    SENIOR_LEADER = "senior_leader"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


OWN = "own"
"""Stands in the table for the worker of the visit, or the person concerned, whatever roles they hold."""

RESPONDERS = frozenset(
    {Role.SUPERVISOR, Role.LINE_MANAGER, Role.HEAD_OF_PROVISION, Role.DSL, Role.SENIOR_LEADER, Role.ADMINISTRATOR}
)
"""Everybody who may be told of an escalation and act on it: all but the worker as such and the auditor."""

_ADMINISTRATION = frozenset({Role.ADMINISTRATOR})
_APPROVERS = frozenset({Role.HEAD_OF_PROVISION, Role.LINE_MANAGER, Role.SUPERVISOR, Role.ADMINISTRATOR})
_READERS = RESPONDERS | {Role.AUDITOR}

PERMISSIONS: dict[str, frozenset[str]] = {
    # checkin
    "register_site": _ADMINISTRATION,
    "adopt_policy": _ADMINISTRATION,
    "set_operator_ladder": _ADMINISTRATION,
    "register_worker": _ADMINISTRATION,
    "set_contact_points": _ADMINISTRATION | {OWN},
    "set_phones": _ADMINISTRATION | {OWN},
    "set_code_words": _ADMINISTRATION | {OWN},
    "set_pins": frozenset({OWN}),
    "remove_pins": _ADMINISTRATION | {OWN},
    "issue_token": _ADMINISTRATION,
    "revoke_token": _ADMINISTRATION | {OWN},
    "set_password": _ADMINISTRATION | {OWN},
    "remove_password": _ADMINISTRATION | {OWN},
    "end_sessions": _ADMINISTRATION | {OWN},
    "give_grant": _ADMINISTRATION,
    "withdraw_grant": _ADMINISTRATION,
    "record_assessment": RESPONDERS | {Role.WORKER},
    "read_site": _READERS | {Role.WORKER},
    "read_worker": _READERS | {OWN},
    "list_visits": _READERS,
    "plan_visit": RESPONDERS | {OWN},
    "approve_visit": _APPROVERS,
    "refuse_visit": _APPROVERS,
    "cancel_visit": RESPONDERS | {OWN},
    "start_visit": frozenset({OWN}),
    "check_in": frozenset({OWN}),
    "extend_visit": frozenset({OWN}),
    "end_visit": frozenset({OWN}),
    "report_visit": RESPONDERS | {OWN},
    "ask_for_help": RESPONDERS | {OWN},
    "report_situation": RESPONDERS | {OWN},
    "read_visit": _READERS | {OWN},
    # escalation
    "list_escalations": _READERS,
    "read_escalation": _READERS,
    "acknowledge": RESPONDERS,
    "resolve": RESPONDERS,
    "stand_down": RESPONDERS,
    "take_task": RESPONDERS,
    "hand_over_task": RESPONDERS,
    "give_back_task": RESPONDERS,
    "do_task": RESPONDERS,
    # notifier
    "read_notifications": _READERS,
    "test_alarm": RESPONDERS | {OWN},
    "read_test_alarm": _READERS | {OWN},
    # audit
    "read_timeline": _READERS | {OWN},
    "export_bundle": _READERS,
    "read_tree": _READERS,
    # every service, of itself
    "read_status": _READERS,
    "read_parked": _ADMINISTRATION | {Role.AUDITOR},
    "mend_parked": _ADMINISTRATION,
    "replay_parked": _ADMINISTRATION,
    "discard_parked": _ADMINISTRATION,
}
"""Operation to the roles that may do it at the site concerned. Which of them a policy demands is decided by the domain."""

PUBLIC = frozenset(
    {
        "healthz",
        "readyz",
        "metrics",
        "openapi",
        "index",
        "sign_in",
        "sign_out",
        "help_by_password",
        "escalation_page",
        "escalation_page_act",
        "receive_reply",
        "test_page",
        "test_page_act",
    }
)
"""Operations without a bearer token: health and metrics carry no personal data; a link's code and a reply's signature
are the identity of theirs."""


def may(operation: str, roles: frozenset[Role], *, own: bool = False) -> bool:
    """Say whether somebody with these roles at the site, or the person concerned (``own``), may do the operation.

    Raises KeyError for an operation that is not in the table: what is not listed is nobody's.
    """
    allowed = PERMISSIONS[operation]
    return bool(allowed & roles) or (own and OWN in allowed)
