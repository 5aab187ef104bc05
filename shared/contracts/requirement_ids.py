"""The requirements that policies and tests may cite, by their ids. What each of them asks stands in ``docs/requirements.md``."""

from __future__ import annotations

_LAST = {
    "PL": 26,  # planning and approval
    "RA": 16,  # the assessment of risk, and its gate
    "CI": 14,  # check-in and check-out
    "M": 10,  # the missed check-in
    "DU": 6,  # duress and code words
    "EM": 8,  # emergency, and the order of escalation
    "IN": 13,  # incidents, near misses, concerns
    "PV": 7,  # after the visit
    "UN": 3,  # unplanned lone working
    "HV": 16,  # home visits and rooms with one learner
    "RO": 9,  # roles
    "CO": 6,  # contacts
    "CA": 2,  # calendars
    "RV": 6,  # reviews
    "TR": 7,  # training and support
    "DP": 4,  # data protection
    "RK": 5,  # records, sharing, fairness
}
"""The last number of each group; the first is 1 and none is left out, for ids are stable and never given twice."""

REQUIREMENT_IDS = frozenset(f"{group}-{number:02}" for group, last in _LAST.items() for number in range(1, last + 1))
"""Every id that there is, as ``M-02``."""
