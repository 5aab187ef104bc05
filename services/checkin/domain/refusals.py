"""The sentence for every refusal of checkin: what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        # a visit's plan and approval
        "visit_unknown": "There is no visit with this id: check the id, or plan the visit first.",
        "visit_exists": "Another visit has this id: give the new visit an id of its own.",
        "ends_before_start": "The visit ends before it starts: give an expected end after the start.",
        "interval_not_above_zero": "The time between two check-ins must be above zero: give a longer one, or none.",
        "interval_too_long": (
            "The policy demands check-ins more often than this: agree a shorter interval, or leave it to the policy."
        ),
        "not_an_approver": "The policy lets others decide about this visit: ask somebody who holds one of its roles.",
        "own_visit": "Nobody decides about a visit of their own: ask another person whom the policy names.",
        "not_awaiting_approval": "This visit was decided about already: read it to see by whom, or plan another.",
        "no_assessment": "There is no risk assessment for this visit: record one for the site and name it.",
        "assessment_of_another_site": (
            "The risk assessment belongs to another site: use one of the visit's site, or record a new one there."
        ),
        "risk_cannot_be_managed": (
            "The risk assessment says that the risk of lone work cannot be managed: do not go alone; plan it for two."
        ),
        "assessment_expired": (
            "The risk assessment does not hold until the expected end of the visit: assess the risk again."
        ),
        "assessment_incomplete": (
            "The risk assessment leaves out factors that the policy demands: complete it and record it again."
        ),
        # a visit's start, course and end
        "not_approved": "This visit is not approved: do not start it; ask somebody who may approve it.",
        "already_started": "This visit has started: check in, extend it or end it instead.",
        "dynamic_assessment_incomplete": (
            "Some questions about the risk on the spot are not answered: answer every one of them."
        ),
        "not_safe_to_start": "An answer says that it is not safe to start: do not go in; tell whoever approved it.",
        "not_started": "This visit has not started: start it first. A call for help is taken at any time.",
        "visit_ended": (
            "This visit has ended: nothing can be done with it any more, so plan another one. A call for help is taken at"
            " any time."
        ),
        "end_in_the_past": "The new expected end has passed already: give a later one, or end the visit.",
        "not_ended": "This visit has not ended, or did not take place: report how it went once it has ended.",
        # sites, policies, people, roles and assessments
        "site_exists": "Another site has this id: give the new site an id of its own.",
        "site_unknown": "There is no site with this id: check the id, or register the site first.",
        "policy_unknown": "There is no policy with this id: check the id, or adopt the policy first.",
        "policy_reserved": (
            "This id stands for the operator's own ladder, which is no policy: give the policy another id."
        ),
        "worker_exists": "Another person has this id: give the new person an id of their own.",
        "worker_unknown": "Nobody is known by this id: check the id, or register the person first.",
        "token_unknown": "This person holds no token with this id: read the person to see which they hold.",
        "wrong_login_or_password": "Nobody signs in by this login with this password: check both, and send them again.",
        "sign_in_locked": (
            "Too many passwords were wrong, so nobody signs in by this login for a while: wait until then, or ring. A call"
            " for help with the login and the password is taken at any time."
        ),
        "current_password_wrong": "That is not the current password: send it, or ask an administrator to set a new one.",
        "password_is_login": "The password is the login itself: choose another of 12 characters or more.",
        "login_taken": "Somebody else signs in by this login: choose another one.",
        "pin_needed": "You check in with a PIN: send it along. A call for help never wants one.",
        "wrong_pin": "That is not your PIN: send it again. A call for help never wants one.",
        "pins_alike": "The PIN and the one for duress are the same: choose two that differ.",
        "code_words_alike": "Two of the code words are the same: choose words that nobody takes for one another.",
        "contact_point_twice": "Two contact points have the same id: give each an id of its own.",
        "last_administrator": (
            "This is the operator's last administrator: give the role to somebody else before it is withdrawn."
        ),
        "not_a_responder": (
            "Another assessment has this id: record yours under a new id, or let somebody who supervises replace that one."
        ),
        "no_assessor": "An assessment needs at least one person who made it: name them.",
        "valid_until_in_the_past": "The assessment would have expired already: give a later instant, or none.",
        "valid_for_too_long": "The policy lets an assessment count for less long: give an earlier instant, or none.",
    }
)
"""Each code that a rule of checkin refuses with, and its sentence for a person."""
