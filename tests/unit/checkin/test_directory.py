"""Sites, policies, people, grants and assessments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.checkin.domain import (
    ASSESSMENT,
    GRANTS,
    OPERATOR_LADDER,
    POLICY,
    SITE,
    WORKER,
    AdoptPolicy,
    AskForHelpWithoutVisit,
    GiveGrant,
    IssueToken,
    RecordAssessment,
    RegisterSite,
    RegisterWorker,
    RevokeToken,
    SetContactPoints,
    SetOperatorLadder,
    WithdrawGrant,
    WorkerCommand,
    sha256_of,
)
from shared.contracts.accounts import TokenIssued, TokenRevoked
from shared.contracts.base import OPERATOR_SITE
from shared.contracts.grants import GrantGiven, GrantWithdrawn
from shared.contracts.policy import Policy
from shared.contracts.roles import RESPONDERS, Role
from shared.contracts.visits import (
    AssessmentRecorded,
    ContactPoint,
    ContactPointsSet,
    OperatorLadderSet,
    PolicyAdopted,
    SiteRegistered,
    WorkerHelpRequested,
    WorkerRegistered,
)
from tests.support.given import given
from tests.unit.checkin.examples import NOTE, POLICY_1, SECOND, T0

YEAR = timedelta(days=365)
SITE_1 = SiteRegistered(site_id="site1", name="North", policy_id="policy1")
REGISTER_SITE = RegisterSite("site1", "North", "policy1", policy_known=True, now=T0)
ANNA = WorkerRegistered(worker_id="anna", site_id="site1", name=NOTE)
REGISTER_ANNA = RegisterWorker("anna", "site1", NOTE, site_known=True, now=T0)
MAIL = ContactPoint(contact_point_id="mail", channel="mail", address=NOTE)
HOOK = ContactPoint(contact_point_id="hook", channel="webhook", address=NOTE, secret=NOTE)
GIVE = GiveGrant("site1", "anna", Role.DSL, site_known=True, worker_known=True, now=T0)
RECORD = RecordAssessment(
    assessment_id="assessment1",
    site_id="site1",
    outcome="acceptable",
    factors=("person",),
    assessed_by=("ben",),
    roles=frozenset({Role.SUPERVISOR}),
    valid_for=YEAR,
    site_known=True,
    assessors_known=True,
    now=T0,
)
RECORDED = AssessmentRecorded(
    assessment_id="assessment1",
    site_id="site1",
    outcome="acceptable",
    factors=("person",),
    assessed_by=("ben",),
    valid_until_at=T0 + YEAR,
)


def adopted(version: int, policy: Policy) -> PolicyAdopted:
    """Return the event that puts a version of a policy in force."""
    return PolicyAdopted(policy_id="policy1", policy_version=version, sha256=sha256_of(policy), policy=policy)


# -------------------------------------------------------------------------------------------------- sites and policies


def test_a_site_is_registered_with_its_policy() -> None:
    assert given(SITE).when(REGISTER_SITE) == [SITE_1]


def test_registering_the_same_site_again_changes_nothing() -> None:
    assert given(SITE, SITE_1).when(REGISTER_SITE) == []


def test_another_site_cannot_take_the_same_id() -> None:
    assert given(SITE, SITE_1).rejected(replace(REGISTER_SITE, name="South")) == "site_exists"


def test_a_site_follows_a_policy_that_exists() -> None:
    assert given(SITE).rejected(replace(REGISTER_SITE, policy_known=False)) == "policy_unknown"


def test_a_policy_that_is_adopted_first_is_version_one() -> None:
    assert given(POLICY).when(AdoptPolicy(POLICY_1, T0)) == [adopted(1, POLICY_1)]


def test_adopting_the_same_content_again_changes_nothing() -> None:
    read_again = Policy.model_validate_json(POLICY_1.model_dump_json())
    assert given(POLICY, adopted(1, POLICY_1)).when(AdoptPolicy(read_again, T0)) == []


@pytest.mark.requirement("RO-09")
def test_other_content_is_the_next_version() -> None:
    changed = POLICY_1.model_copy(update={"title": "Lone working, revised"})
    assert given(POLICY, adopted(1, POLICY_1)).when(AdoptPolicy(changed, T0)) == [adopted(2, changed)]


def test_going_back_to_earlier_content_is_a_version_of_its_own() -> None:
    changed = POLICY_1.model_copy(update={"title": "Lone working, revised"})
    history = (adopted(1, POLICY_1), adopted(2, changed))
    assert given(POLICY, *history).when(AdoptPolicy(POLICY_1, T0)) == [adopted(3, POLICY_1)]


# -------------------------------------------------------------------------------------------------------------- people


def test_a_person_is_registered() -> None:
    assert given(WORKER).when(REGISTER_ANNA) == [ANNA]


def test_registering_the_same_person_again_changes_nothing() -> None:
    assert given(WORKER, ANNA).when(REGISTER_ANNA) == []


def test_another_person_cannot_take_the_same_id() -> None:
    assert given(WORKER, ANNA).rejected(replace(REGISTER_ANNA, site_id="site2")) == "worker_exists"


def test_a_person_belongs_to_a_site_that_exists() -> None:
    assert given(WORKER).rejected(replace(REGISTER_ANNA, site_known=False)) == "site_unknown"


def test_contact_points_are_set_as_a_whole() -> None:
    anna = given(WORKER, ANNA).then(SetContactPoints((MAIL, HOOK), T0))
    assert anna.when(SetContactPoints((HOOK,), T0)) == [ContactPointsSet(worker_id="anna", contact_points=(HOOK,))]
    assert anna.then(SetContactPoints((HOOK,), T0)).state.contact_points == (HOOK,)


def test_setting_the_same_contact_points_again_changes_nothing() -> None:
    assert given(WORKER, ANNA).then(SetContactPoints((MAIL,), T0)).when(SetContactPoints((MAIL,), T0)) == []


def test_every_contact_point_has_an_id_of_its_own() -> None:
    twice = HOOK.model_copy(update={"contact_point_id": "mail"})
    assert given(WORKER, ANNA).rejected(SetContactPoints((MAIL, twice), T0)) == "contact_point_twice"


def test_a_token_is_recorded_by_its_id_and_once() -> None:
    issued = TokenIssued(worker_id="anna", token_id="token1")
    assert given(WORKER, ANNA).when(IssueToken("token1", T0)) == [issued]
    assert given(WORKER, ANNA, issued).when(IssueToken("token1", T0)) == []
    assert given(WORKER, ANNA, issued).then(IssueToken("token2", T0)).state.token_ids == ("token1", "token2")


def test_a_token_is_revoked_once_and_its_id_never_stands_for_anybody_again() -> None:
    issued = TokenIssued(worker_id="anna", token_id="token1")
    anna = given(WORKER, ANNA, issued).then(IssueToken("token2", T0))
    assert anna.when(RevokeToken("token1", T0)) == [TokenRevoked(worker_id="anna", token_id="token1")]
    without = anna.then(RevokeToken("token1", T0))
    assert (without.state.token_ids, without.state.revoked_token_ids) == (("token2",), ("token1",))
    assert without.when(RevokeToken("token1", T0)) == []
    assert without.when(IssueToken("token1", T0)) == []


def test_only_a_token_that_the_person_holds_can_be_revoked() -> None:
    assert given(WORKER, ANNA).rejected(RevokeToken("token1", T0)) == "token_unknown"


def test_help_is_taken_from_somebody_without_a_visit_every_time() -> None:
    asked = WorkerHelpRequested(worker_id="anna", site_id="site1", note=NOTE)
    assert given(WORKER, ANNA, asked, asked).when(AskForHelpWithoutVisit(NOTE, T0)) == [asked]


def test_help_is_taken_from_a_caller_of_whom_nothing_can_be_read() -> None:
    asked = WorkerHelpRequested(worker_id="anna", site_id=OPERATOR_SITE, note=NOTE)
    assert given(WORKER).when(AskForHelpWithoutVisit(NOTE, T0, "anna")) == [asked]


@pytest.mark.parametrize(
    "command",
    [
        SetContactPoints((MAIL,), T0),
        IssueToken("token1", T0),
        RevokeToken("token1", T0),
        AskForHelpWithoutVisit(None, T0),
    ],
    ids=lambda command: type(command).__name__,
)
def test_nothing_is_recorded_of_somebody_who_is_not_known(command: WorkerCommand) -> None:
    assert given(WORKER).rejected(command) == "worker_unknown"


# -------------------------------------------------------------------------------------------------------------- grants


@pytest.mark.requirement("RO-07")
def test_a_person_is_given_a_role_once() -> None:
    given_role = GrantGiven(site_id="site1", worker_id="anna", role=Role.DSL)
    assert given(GRANTS).when(GIVE) == [given_role]
    assert given(GRANTS, given_role).when(GIVE) == []


def test_a_role_is_given_at_a_site_that_exists_to_a_person_who_is_known() -> None:
    assert given(GRANTS).rejected(replace(GIVE, site_known=False)) == "site_unknown"
    assert given(GRANTS).rejected(replace(GIVE, worker_known=False)) == "worker_unknown"


@pytest.mark.requirement("RO-07")
def test_a_role_is_withdrawn_once() -> None:
    withdraw = WithdrawGrant("site1", "anna", Role.DSL, T0)
    grants = given(GRANTS).then(GIVE)
    assert grants.when(withdraw) == [GrantWithdrawn(site_id="site1", worker_id="anna", role=Role.DSL)]
    assert grants.then(withdraw).when(withdraw) == []


def test_the_operator_keeps_an_administrator() -> None:
    first = GrantGiven(site_id=OPERATOR_SITE, worker_id="anna", role=Role.ADMINISTRATOR)
    second = GrantGiven(site_id=OPERATOR_SITE, worker_id="ben", role=Role.ADMINISTRATOR)
    auditor = GrantGiven(site_id=OPERATOR_SITE, worker_id="ben", role=Role.AUDITOR)
    withdraw = WithdrawGrant(OPERATOR_SITE, "anna", Role.ADMINISTRATOR, T0)
    gone = GrantWithdrawn(site_id=OPERATOR_SITE, worker_id="anna", role=Role.ADMINISTRATOR)
    assert given(GRANTS, first, auditor).rejected(withdraw) == "last_administrator"
    assert given(GRANTS, first, second).when(withdraw) == [gone]


def test_a_site_may_lose_its_last_administrator_as_the_operator_has_one() -> None:
    at_site = GrantGiven(site_id="site1", worker_id="anna", role=Role.ADMINISTRATOR)
    withdraw = WithdrawGrant("site1", "anna", Role.ADMINISTRATOR, T0)
    assert given(GRANTS, at_site).when(withdraw) == [
        GrantWithdrawn(site_id="site1", worker_id="anna", role=Role.ADMINISTRATOR)
    ]


def test_the_last_administrator_may_lose_another_role() -> None:
    first = GrantGiven(site_id=OPERATOR_SITE, worker_id="anna", role=Role.ADMINISTRATOR)
    auditor = GrantGiven(site_id=OPERATOR_SITE, worker_id="anna", role=Role.AUDITOR)
    withdraw = WithdrawGrant(OPERATOR_SITE, "anna", Role.AUDITOR, T0)
    assert given(GRANTS, first, auditor).when(withdraw) == [
        GrantWithdrawn(site_id=OPERATOR_SITE, worker_id="anna", role=Role.AUDITOR)
    ]


# --------------------------------------------------------------------------------------------------------- assessments


@pytest.mark.requirement("RA-11")
def test_an_assessment_counts_for_as_long_as_the_policy_lets_it() -> None:
    assert given(ASSESSMENT).when(RECORD) == [RECORDED]


def test_an_assessment_may_count_for_less_long() -> None:
    [event] = given(ASSESSMENT).when(replace(RECORD, valid_until_at=T0 + SECOND))
    assert event == RECORDED.model_copy(update={"valid_until_at": T0 + SECOND})


def test_an_assessment_cannot_count_for_longer_than_the_policy_lets_it() -> None:
    long = replace(RECORD, valid_until_at=T0 + YEAR + SECOND)
    assert given(ASSESSMENT).rejected(long) == "valid_for_too_long"


def test_an_assessment_has_not_expired_when_it_is_recorded() -> None:
    assert given(ASSESSMENT).rejected(replace(RECORD, valid_until_at=T0)) == "valid_until_in_the_past"


def test_an_assessment_keeps_what_is_done_against_the_risk_sealed() -> None:
    [event] = given(ASSESSMENT).when(replace(RECORD, controls=(NOTE,)))
    assert event == RECORDED.model_copy(update={"controls": (NOTE,)})


def test_recording_the_same_assessment_again_changes_nothing() -> None:
    assert given(ASSESSMENT, RECORDED).when(RECORD) == []


@pytest.mark.requirement("RA-11")
def test_a_later_assessment_replaces_the_earlier() -> None:
    worse = replace(RECORD, outcome="cannot_be_managed")
    assessment = given(ASSESSMENT, RECORDED).then(worse)
    assert assessment.state.current == RECORDED.model_copy(update={"outcome": "cannot_be_managed"})


def test_an_assessment_stays_with_its_site() -> None:
    moved = replace(RECORD, site_id="site2")
    assert given(ASSESSMENT, RECORDED).rejected(moved) == "assessment_of_another_site"


def test_an_assessment_is_of_a_site_that_exists() -> None:
    assert given(ASSESSMENT).rejected(replace(RECORD, site_known=False)) == "site_unknown"


def test_a_worker_records_a_new_assessment_and_replaces_none() -> None:
    for roles in (frozenset({Role.WORKER}), frozenset({Role.WORKER, Role.AUDITOR}), frozenset[Role]()):
        assert given(ASSESSMENT).when(replace(RECORD, roles=roles)) == [RECORDED]
        easier = replace(RECORD, roles=roles, factors=("person", "location"))
        assert given(ASSESSMENT, RECORDED).rejected(easier) == "not_a_responder"
        assert given(ASSESSMENT, RECORDED).when(replace(RECORD, roles=roles)) == []


@pytest.mark.parametrize("role", sorted(RESPONDERS))
def test_whoever_responds_replaces_an_assessment(role: Role) -> None:
    assert given(ASSESSMENT, RECORDED).when(replace(RECORD, roles=frozenset({role}), factors=()))


def test_an_assessment_was_made_by_people_who_are_known() -> None:
    assert given(ASSESSMENT).rejected(replace(RECORD, assessors_known=False)) == "worker_unknown"


def test_an_assessment_says_who_made_it() -> None:
    assert given(ASSESSMENT).rejected(replace(RECORD, assessed_by=())) == "no_assessor"


def test_nothing_of_the_directory_falls_due() -> None:
    found = [
        given(SITE, SITE_1).deadlines,
        given(POLICY, adopted(1, POLICY_1)).deadlines,
        given(WORKER, ANNA).deadlines,
        given(GRANTS).then(GIVE).deadlines,
        given(ASSESSMENT, RECORDED).deadlines,
    ]
    assert found == [[], [], [], [], []]


# ------------------------------------------------------------------------------------------- the operator's own ladder

LADDER = POLICY_1.ladders[0].model_copy(update={"trigger": "system"})


def test_the_operators_own_ladder_is_set_and_the_same_again_changes_nothing() -> None:
    ladder_set = OperatorLadderSet(ladder=LADDER)
    assert given(OPERATOR_LADDER).when(SetOperatorLadder(LADDER, T0)) == [ladder_set]
    assert given(OPERATOR_LADDER, ladder_set).when(SetOperatorLadder(LADDER, T0)) == []


def test_another_ladder_takes_the_place_of_the_operators_own() -> None:
    other = LADDER.model_copy(update={"steps": LADDER.steps * 2})
    ladder_set = given(OPERATOR_LADDER, OperatorLadderSet(ladder=LADDER)).when(SetOperatorLadder(other, T0))
    assert ladder_set == [OperatorLadderSet(ladder=other)]


def test_no_policy_takes_the_id_under_which_the_operators_own_ladder_stands() -> None:
    policy = POLICY_1.model_copy(update={"policy_id": OPERATOR_SITE})
    assert given(POLICY).rejected(AdoptPolicy(policy, T0)) == "policy_reserved"
