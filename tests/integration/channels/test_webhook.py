"""A webhook against a real server: what is signed, and what each answer and each kind of silence means."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook as Signature
from standardwebhooks.webhooks import WebhookVerificationError

from services.notifier.channels import Outgoing, TransportError
from services.notifier.channels.webhook import Webhook
from tests.integration.channels.peers import HOST, T0, Reply, Request, answers, cuts, hangs, tcp_server, web_server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHORT = timedelta(seconds=0.3)
CALL = Outgoing(
    message_id="v1.1.1.c2",
    sent_at=T0,
    address="",
    secret=SECRET,
    subject="",
    text="",
    link=None,
    payload={"type": "escalation.told", "data": {"worker": "Żaneta", "link": "http://front.example/e/v1.1"}},
)


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with httpx2.AsyncClient() as client:
        yield Webhook(client)


async def failure_of(webhook: Webhook, outgoing: Outgoing) -> tuple[str, bool, bool]:
    with pytest.raises(TransportError) as raised:
        await webhook.send(outgoing)
    if outgoing.address:
        assert outgoing.address not in "".join(traceback.format_exception(raised.value))
    return raised.value.code, raised.value.permanent, raised.value.unknown


async def test_a_call_carries_the_payload_with_a_signature_that_the_receiver_can_verify(webhook: Webhook) -> None:
    now = datetime.now(UTC)  # noqa: TID251 -- the verifying library compares with the machine's clock
    took: list[Request] = []
    async with web_server(took, answers(204)) as address:
        receipt = await webhook.send(replace(CALL, address=address, sent_at=now))
    (request,) = took
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["connection"] == "close"
    assert request.headers["webhook-id"] == CALL.message_id
    assert request.headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert Signature(SECRET).verify(request.body, request.headers) == CALL.payload
    with pytest.raises(WebhookVerificationError):
        Signature("whsec_AAAA").verify(request.body, request.headers)
    assert receipt.provider_ref == "http_204"


async def test_a_call_leaves_no_address_in_the_log_of_a_service(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with web_server([], answers(200)) as address:
        await webhook.send(replace(CALL, address=address))
    assert address not in caplog.text


async def test_a_time_in_another_zone_gives_the_same_signature(webhook: Webhook) -> None:
    took: list[Request] = []
    async with web_server(took, answers(200)) as address:
        await webhook.send(replace(CALL, address=address))
        await webhook.send(
            replace(
                CALL, address=address, sent_at=T0.astimezone(datetime.fromisoformat("2026-01-01T00:00+05:30").tzinfo)
            )
        )
    assert took[0].headers["webhook-signature"] == took[1].headers["webhook-signature"]


async def test_a_second_attempt_carries_the_same_id_and_body_and_its_own_time(webhook: Webhook) -> None:
    took: list[Request] = []
    async with web_server(took, answers(503)) as address:
        await failure_of(webhook, replace(CALL, address=address))
        rendered_again = dict(reversed(list(CALL.payload.items())))
        later = T0 + timedelta(seconds=2)
        await failure_of(webhook, replace(CALL, address=address, sent_at=later, payload=rendered_again))
    first, second = took
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == CALL.message_id
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 2
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_accepted(webhook: Webhook, status: int) -> None:
    async with web_server([], answers(status)) as address:
        assert (await webhook.send(replace(CALL, address=address))).provider_ref == f"http_{status}"


@pytest.mark.parametrize(
    ("offered", "ref"), [("req-1.7", "req-1.7"), ("rhian@home.example", "http_200"), ("a" * 65, "http_200")]
)
async def test_the_receivers_name_for_a_call_is_kept_where_it_cannot_be_an_address(
    webhook: Webhook, offered: str, ref: str
) -> None:
    async with web_server([], answers(200, x_request_id=offered)) as address:
        assert (await webhook.send(replace(CALL, address=address))).provider_ref == ref


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_an_answer_that_may_change_is_a_failure_for_now(webhook: Webhook, status: int) -> None:
    async with web_server([], answers(status)) as address:
        assert await failure_of(webhook, replace(CALL, address=address)) == (f"http_{status}", False, False)


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 410, 413, 422])
async def test_an_answer_that_will_not_change_is_a_failure_for_good(webhook: Webhook, status: int) -> None:
    async with web_server([], answers(status)) as address:
        assert await failure_of(webhook, replace(CALL, address=address)) == (f"http_{status}", True, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    elsewhere: list[Request] = []
    async with (
        httpx2.AsyncClient(follow_redirects=True) as client,
        web_server(elsewhere, answers(200)) as target,
        web_server([], answers(status, location=target)) as address,
    ):
        assert await failure_of(Webhook(client), replace(CALL, address=address)) == (f"http_{status}", True, False)
    assert elsewhere == []


@pytest.mark.parametrize(
    ("reply", "code"), [(hangs, "http_no_answer"), (cuts, "http_connection_lost")], ids=["hang", "cut"]
)
async def test_a_request_that_went_out_without_an_answer_leaves_it_unknown(
    webhook: Webhook, reply: Reply, code: str
) -> None:
    took: list[Request] = []
    async with web_server(took, reply) as address:
        outcome = await failure_of(replace(webhook, timeout=SHORT), replace(CALL, address=address))
    assert outcome == (code, False, True)
    assert len(took) == 1


async def test_an_answer_that_drips_for_ever_is_given_up(webhook: Webhook) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        await hangs(writer)

    async with web_server([], drip) as address:
        outcome = await failure_of(replace(webhook, timeout=SHORT), replace(CALL, address=address))
    assert outcome == ("http_no_answer", False, True)


async def test_a_receiver_that_promises_an_answer_for_ever_is_given_up(webhook: Webhook) -> None:
    async def promise(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()

    async with web_server([], promise) as address:
        outcome = await failure_of(replace(webhook, timeout=SHORT), replace(CALL, address=address))
    assert outcome == ("http_no_answer", False, True)


async def test_an_endless_body_does_not_hold_up_an_acceptance(webhook: Webhook) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nfirst of many")
        await hangs(writer)

    async with web_server([], endless) as address:
        assert (await webhook.send(replace(CALL, address=address))).provider_ref == "http_200"


async def test_a_host_that_is_not_there_is_a_failure_for_now(webhook: Webhook) -> None:
    async with tcp_server(hangs_both) as port:
        pass
    outcome = await failure_of(webhook, replace(CALL, address=f"http://{HOST}:{port}/hook"))
    assert outcome == ("http_unreachable", False, False)


async def hangs_both(_reader: object, writer: object) -> None:
    await hangs(writer)


async def test_a_host_that_never_finishes_the_handshake_is_a_failure_for_now(webhook: Webhook) -> None:
    async with tcp_server(hangs_both) as port:
        outcome = await failure_of(
            replace(webhook, timeout=SHORT), replace(CALL, address=f"https://{HOST}:{port}/hook")
        )
    assert outcome == ("http_unreachable", False, False)


@pytest.mark.parametrize(
    "address",
    ["", "not-an-address", "//host/hook", "ftp://host/hook", "file:///etc/hosts", "http://", "http://host:port/",
     "http://host/\r\nx-injected: 1", "javascript:alert(1)", "http://[::1/"],
)  # fmt: skip
async def test_what_is_no_http_address_is_a_failure_for_good(webhook: Webhook, address: str) -> None:
    assert await failure_of(webhook, replace(CALL, address=address)) == ("address_invalid", True, False)


@pytest.mark.parametrize(
    "address",
    ["http://host.example/hook", "http://10.0.0.7/hook", "http://localhost.example/", "http://127.0.0.1@host.example/",
     "http://0.0.0.0/", "http://[fe80::1]/"],
)  # fmt: skip
async def test_nothing_goes_in_clear_to_another_machine(webhook: Webhook, address: str) -> None:
    assert await failure_of(webhook, replace(CALL, address=address)) == ("address_not_allowed", True, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "[::1]"])
async def test_a_call_in_clear_to_this_machine_is_allowed(webhook: Webhook, host: str) -> None:
    async with tcp_server(hangs_both) as port:
        pass
    outcome = await failure_of(webhook, replace(CALL, address=f"http://{host}:{port}/hook"))
    assert outcome == ("http_unreachable", False, False)


@pytest.mark.parametrize("secret", ["", "whsec_", "x"])
async def test_a_secret_that_cannot_sign_is_a_failure_for_good(webhook: Webhook, secret: str) -> None:
    took: list[Request] = []
    async with web_server(took, answers(200)) as address:
        outcome = await failure_of(webhook, replace(CALL, address=address, secret=secret))
    assert outcome == ("secret_invalid", True, False)
    assert took == []


async def test_a_contact_point_without_a_secret_is_called_unsigned(webhook: Webhook) -> None:
    took: list[Request] = []
    async with web_server(took, answers(200)) as address:
        await webhook.send(replace(CALL, address=address, secret=None))
    assert "webhook-signature" not in took[0].headers
    assert json.loads(took[0].body) == CALL.payload
