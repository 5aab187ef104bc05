"""How the command line asks for a timeline, and what it says when there is none."""

from __future__ import annotations

import httpx2
import pytest

from deploy.timeline import TimelineError, fetch_timeline


def answering(response: httpx2.Response, seen: list[httpx2.Request] | None = None) -> httpx2.MockTransport:
    def handle(request: httpx2.Request) -> httpx2.Response:
        if seen is not None:
            seen.append(request)
        return response

    return httpx2.MockTransport(handle)


def refused(transport: httpx2.BaseTransport) -> str:
    with pytest.raises(TimelineError) as caught:
        fetch_timeline("http://front.test", "token", "visit1", transport=transport)
    return str(caught.value)


def test_it_asks_the_front_as_the_holder_of_the_token() -> None:
    seen: list[httpx2.Request] = []
    told = fetch_timeline(
        "http://front.test/", "token", "a/../b", transport=answering(httpx2.Response(200, json={"lines": []}), seen)
    )
    assert told == {"lines": []}
    assert seen[0].url.raw_path == b"/audit/visits/a%2F..%2Fb/timeline"
    assert seen[0].headers["Authorization"] == "Bearer token"


def test_a_refusal_is_told_in_the_words_of_the_service() -> None:
    problem = httpx2.Response(404, json={"code": "visit_unknown", "detail": "There is no visit with this id."})
    assert refused(answering(problem)) == "There is no visit with this id."


def test_what_is_not_lonewatch_is_told_as_such() -> None:
    assert "is not Lonewatch" in refused(answering(httpx2.Response(200, text="<html>")))


def test_a_front_that_cannot_be_reached_is_told_with_what_to_do() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    assert refused(httpx2.MockTransport(handle)).endswith("is Lonewatch running?")
