"""A mail against a real mail server: what each of its answers, and each kind of silence, means."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from datetime import UTC, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import pytest
from aiosmtpd.smtp import Envelope
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels import Outgoing, TransportError
from services.notifier.channels.mail import Mail
from tests.integration.channels.peers import HOST, T0, Mailbox, hangs, mail_server, self_signed, tcp_server

ADDRESS = "rhian@home.example"
SHORT = timedelta(seconds=0.3)
MAIL = Outgoing(
    message_id="v1.1.1.c1",
    sent_at=T0,
    address=ADDRESS,
    secret=None,
    subject="Check-in missed: Ania, 14:00",
    text="Ania's check-in was due at 14:00.\nNobody has taken it yet — please do.",
    link="http://front.example/e/v1.1?code=abc",
    payload={},
)


def mail_to(port: int) -> Mail:
    return Mail(host=HOST, port=port, sender="watch@lone.example")


def read(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.content, bytes)
    return message_from_bytes(envelope.content, EmailMessage, policy=policy.default)


async def failure_of(mail: Mail, outgoing: Outgoing = MAIL) -> TransportError:
    with pytest.raises(TransportError) as raised:
        await mail.send(outgoing)
    assert outgoing.address not in "".join(traceback.format_exception(raised.value))
    return raised.value


def outcome(failure: TransportError) -> tuple[str, bool, bool]:
    return failure.code, failure.permanent, failure.unknown


async def test_a_mail_that_the_server_took_carries_text_link_and_the_servers_name_for_it() -> None:
    async with mail_server(mailbox := Mailbox()) as port:
        receipt = await mail_to(port).send(MAIL)
    (envelope,) = mailbox.took
    mail = read(envelope)
    assert receipt.provider_ref == "4F2A9C"
    assert (envelope.mail_from, envelope.rcpt_tos) == ("watch@lone.example", [ADDRESS])
    assert (mail["From"], mail["To"], mail["Subject"]) == ("watch@lone.example", ADDRESS, MAIL.subject)
    assert parsedate_to_datetime(mail["Date"]).astimezone(UTC) == T0
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == f"{MAIL.text}\n\n{MAIL.link}\n"


async def test_a_second_attempt_carries_the_same_message_id() -> None:
    async with mail_server(mailbox := Mailbox(data="451 try later")) as port:
        await failure_of(mail_to(port))
        mailbox.data = "250 OK"
        await mail_to(port).send(replace(MAIL, sent_at=T0 + timedelta(seconds=2)))
    assert [read(envelope)["Message-ID"] for envelope in mailbox.took] == ["<v1.1.1.c1@lone.example>"] * 2


@pytest.mark.parametrize(
    ("answer", "ref"),
    [
        ("250 OK", "smtp_250"),
        (f"250 OK queued as {ADDRESS}", "rhian"),
        (f"250 {ADDRESS} taken", "smtp_250"),
        ("250 OK id=1tX2-0003-Ab", "1tX2-0003-Ab"),
    ],
)
async def test_the_servers_name_for_a_mail_is_never_an_address(answer: str, ref: str) -> None:
    async with mail_server(Mailbox(data=answer)) as port:
        assert (await mail_to(port).send(MAIL)).provider_ref == ref


@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        (Mailbox(rcpt="450 mailbox busy"), ("smtp_450", False, False)),
        (Mailbox(rcpt=f"550 no such mailbox {ADDRESS}"), ("smtp_550", True, False)),
        (Mailbox(data="452 no room"), ("smtp_452", False, False)),
        (Mailbox(data=f"554 not for {ADDRESS}"), ("smtp_554", True, False)),
        (Mailbox(data="cut"), ("smtp_connection_lost", False, True)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_an_answer_of_the_server_says_whether_to_try_again(
    mailbox: Mailbox, expected: tuple[str, bool, bool]
) -> None:
    async with mail_server(mailbox) as port:
        assert outcome(await failure_of(mail_to(port))) == expected


async def test_silence_after_the_mail_was_handed_over_leaves_it_unknown() -> None:
    async with mail_server(mailbox := Mailbox(data=None)) as port:
        assert outcome(await failure_of(replace(mail_to(port), timeout=SHORT))) == ("smtp_no_answer", False, True)
    assert len(mailbox.took) == 1


async def test_silence_before_the_mail_was_handed_over_is_a_failure_for_now() -> None:
    async with mail_server(Mailbox(rcpt=None)) as port:
        assert outcome(await failure_of(replace(mail_to(port), timeout=SHORT))) == ("smtp_timeout", False, False)


async def test_a_server_that_never_greets_is_a_failure_for_now() -> None:
    async def mute(_reader: object, writer: object) -> None:
        await hangs(writer)

    async with tcp_server(mute) as port:
        assert outcome(await failure_of(replace(mail_to(port), timeout=SHORT))) == ("smtp_timeout", False, False)


async def test_a_server_that_is_not_there_is_a_failure_for_now() -> None:
    async with mail_server(Mailbox()) as port:
        pass
    assert outcome(await failure_of(mail_to(port))) == ("smtp_unreachable", False, False)


async def test_a_server_that_hangs_up_before_the_mail_is_a_failure_for_now() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        await reader.readline()

    async with tcp_server(leave) as port:
        assert outcome(await failure_of(mail_to(port))) == ("smtp_unreachable", False, False)


async def test_a_server_that_hangs_up_instead_of_parting_took_the_mail_all_the_same() -> None:
    async def abrupt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        for answer in (b"250 mail.test", b"250 OK", b"250 OK", b"354 go on"):
            await reader.readline()
            writer.write(answer + b"\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 OK\r\n")

    async with tcp_server(abrupt) as port:
        assert (await mail_to(port).send(MAIL)).provider_ref == "smtp_250"


async def test_tls_that_the_server_offers_is_taken_even_where_nobody_signed_its_certificate(tmp_path: Path) -> None:
    server, _ = self_signed(tmp_path)
    async with mail_server(mailbox := Mailbox(), starttls=server) as port:
        await mail_to(port).send(MAIL)
    assert mailbox.encrypted == [True]


async def test_tls_that_the_server_offers_is_left_alone_where_it_is_not_wanted(tmp_path: Path) -> None:
    server, _ = self_signed(tmp_path)
    async with mail_server(mailbox := Mailbox(), starttls=server) as port:
        await replace(mail_to(port), tls="none").send(MAIL)
    assert mailbox.encrypted == [False]


async def test_a_certificate_is_checked_where_tls_is_demanded(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with mail_server(mailbox := Mailbox(), starttls=server) as port:
        demanding = replace(mail_to(port), tls="starttls")
        assert outcome(await failure_of(demanding)) == ("smtp_tls_failed", False, False)
        assert mailbox.took == []
        await replace(demanding, tls_context=trusting).send(MAIL)
    assert mailbox.encrypted == [True]


async def test_nothing_goes_in_clear_where_tls_is_demanded_and_not_offered() -> None:
    async with mail_server(mailbox := Mailbox()) as port:
        assert outcome(await failure_of(replace(mail_to(port), tls="starttls"))) == ("smtp_unusable", False, False)
    assert mailbox.took == []


async def test_tls_from_the_start_checks_the_certificate(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with mail_server(mailbox := Mailbox(), implicit=server) as port:
        mail = replace(mail_to(port), tls="implicit")
        assert outcome(await failure_of(mail)) == ("smtp_tls_failed", False, False)
        assert mailbox.took == []
        await replace(mail, tls_context=trusting).send(MAIL)
    assert len(mailbox.took) == 1


async def test_a_login_is_made_before_the_mail(tmp_path: Path) -> None:
    server, trusting = self_signed(tmp_path)
    async with mail_server(mailbox := Mailbox(), starttls=server, login=(b"watch", b"right")) as port:
        mail = replace(mail_to(port), tls="starttls", tls_context=trusting, username="watch", password="right")
        await mail.send(MAIL)
        assert outcome(await failure_of(replace(mail, password="wrong"))) == ("smtp_login_535", False, False)
    assert len(mailbox.took) == 1


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([b"554 not now"], "smtp_session_554"),
        ([b"220 mail.test", b"250 mail.test", b"530 5.7.0 log in first"], "smtp_login_530"),
        ([b"220 mail.test", b"250 mail.test", b"553 not your address"], "smtp_sender_553"),
        ([b"220 mail.test", b"250 mail.test", b"250 OK", b"530 5.7.0 encrypt first"], "smtp_login_530"),
    ],
    ids=["greeting", "login wanted", "sender", "encryption wanted"],
)
async def test_what_the_operator_has_to_mend_is_no_fault_of_the_recipient_and_goes_again(
    answers: list[bytes], code: str
) -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            writer.write(answer + b"\r\n")
            await reader.readline()

    async with tcp_server(refusing) as port:
        assert outcome(await failure_of(mail_to(port))) == (code, False, False)


@pytest.mark.parametrize("tls", ["none", "opportunistic"])
def test_a_password_is_never_set_up_to_go_to_a_server_that_is_not_checked(
    tls: Literal["none", "opportunistic"],
) -> None:
    with pytest.raises(ValueError, match="set tls to starttls or implicit"):
        Mail(host=HOST, port=25, sender="watch@lone.example", username="watch", password="right", tls=tls)


def test_a_sender_is_one_address() -> None:
    with pytest.raises(ValueError, match="not a mail address"):
        Mail(host=HOST, port=25, sender="watch@lone.example\r\nBcc: all@lone.example")


@pytest.mark.parametrize(
    "address",
    ["", "rhian", "@home.example", "rhian@", "a@b.example, c@d.example", "a@b.example\r\nRCPT TO:<c@d.example>",
     "<a@b.example>", "a b@c.example", "a@b.example\n", "a@b@c.example", "a@\u2028.example"],
)  # fmt: skip
async def test_what_is_no_address_never_reaches_a_server(address: str) -> None:
    async with mail_server(mailbox := Mailbox()) as port:
        with pytest.raises(TransportError) as raised:
            await mail_to(port).send(replace(MAIL, address=address))
    assert outcome(raised.value) == ("address_invalid", True, False)
    assert mailbox.took == []


async def test_an_address_with_a_host_in_another_script_goes_to_its_name_in_dns() -> None:
    async with mail_server(mailbox := Mailbox()) as port:
        await mail_to(port).send(replace(MAIL, address="rhian@hänsel.example"))
    assert mailbox.took[0].rcpt_tos == ["rhian@xn--hnsel-gra.example"]
    assert read(mailbox.took[0])["To"] == "rhian@xn--hnsel-gra.example"


@given(
    subject=st.text(),
    text=st.text(),
    link=st.none() | st.text(),
    message_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}", fullmatch=True),
)
def test_no_content_adds_a_header_or_a_recipient(subject: str, text: str, link: str | None, message_id: str) -> None:
    outgoing = replace(MAIL, subject=subject, text=text, link=link, message_id=message_id)
    mail = message_from_bytes(mail_to(25).compose(outgoing, ADDRESS).as_bytes(), EmailMessage, policy=policy.default)
    assert sorted(set(mail.keys()) - {"Content-Transfer-Encoding", "Content-Type", "MIME-Version"}) == [
        "Auto-Submitted", "Date", "From", "Message-ID", "Subject", "To",
    ]  # fmt: skip
    assert mail["To"] == ADDRESS
    assert mail["Message-ID"] == f"<{message_id}@lone.example>"
    assert not mail.is_multipart()


@pytest.mark.parametrize("message_id", ["", "a\r\nBcc: all@lone.example", "a b", "-a", "a" * 97, "a\n"])
def test_a_message_id_is_an_id(message_id: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        replace(MAIL, message_id=message_id)


def test_an_outgoing_message_shows_only_its_id_and_time() -> None:
    outgoing = replace(MAIL, secret="whsec_c2VjcmV0", payload={"name": "Ania"})
    for personal in (ADDRESS, "c2VjcmV0", "Ania", "front.example"):
        assert personal not in repr(outgoing)
    assert MAIL.message_id in repr(outgoing)
