"""Requests: what is sent, and what must come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.errors import SettingError
from pytest_echoleak.transport import Response, message
from pytest_echoleak.workload.request import (
    Expectation,
    Prepared,
    Request,
    parse_request,
    prepare,
    refusal,
)


def sent(request: Request, number: int = 7) -> str:
    return prepare(request).render(b"host", number).decode()


class TestNumber:
    def test_it_is_put_into_path_headers_and_body(self) -> None:
        request = Request("POST", "/a/{i}?b={i}", data="n={i}", headers={"X-N": "{i}-{i}"})
        text = sent(request, 123)
        assert text.startswith("POST /a/123?b=123 HTTP/1.1\r\n")
        assert "X-N: 123-123\r\n" in text
        assert text.endswith("\r\n\r\nn=123")
        assert "Content-Length: 5\r\n" in text

    @pytest.mark.parametrize("text", ["{id}", "{ i }", "{I}", "{}", "{0}", "{i", "i}", "{i!r}"])
    def test_no_other_braces_are_touched(self, text: str) -> None:
        template = prepare(Request("POST", "/", data=text, headers={"X": text}))
        assert not template.numbered
        assert template.render(b"h", 7).decode().endswith("\r\n\r\n" + text)
        assert f"X: {text}\r\n" in template.render(b"h", 7).decode()

    def test_doubled_braces_keep_their_outer_pair(self) -> None:
        assert sent(Request("POST", "/", data="{{i}}")).endswith("{7}")

    @settings(deadline=None)
    @given(st.text(alphabet="{}i%sd \\", max_size=20), st.integers(0, 10**12))
    def test_replacing_is_all_that_happens(self, text: str, number: int) -> None:
        body = prepare(Request("POST", "/", data=text)).render(b"h", number)
        assert body.partition(b"\r\n\r\n")[2].decode() == text.replace("{i}", str(number))

    @settings(deadline=None)
    @given(
        st.lists(st.integers(0, 10**12), max_size=5),
        st.text(alphabet="{}i", max_size=12),
        st.text(alphabet="{}i", max_size=12),
    )
    def test_each_of_many_numbers_makes_the_message_it_would_make_alone(
        self, numbers: list[int], path: str, body: str
    ) -> None:
        request = Request("POST", "/" + path, data=body, headers={"X": path})
        prepared = Prepared(prepare(request), b"h")
        for number in numbers:
            target, text = (part.replace("{i}", str(number)) for part in (path, body))
            headers = {**prepare(request).headers, "X": target}
            alone = message("POST", "/" + target, b"h", headers, text.encode())
            assert prepared.numbered(number) == alone

    def test_other_braces_beside_it_are_not_touched_either(self) -> None:
        request = Request("GET", "/{i}/{id}/{0}?a=%7Bi%7D&b={{i}}", headers={"X": "{i}{id}{}"})
        text = sent(request)
        assert text.startswith("GET /7/{id}/{0}?a=%7Bi%7D&b={7} HTTP/1.1\r\n")
        assert "X: 7{id}{}\r\n" in text

    def test_in_json_and_forms(self) -> None:
        assert sent(Request("POST", "/", json={"n": "{i}", "m": 1})).endswith('{"n": "7", "m": 1}')
        form = sent(Request("POST", "/", data={"n": "{i}", "a b": "ü"}))
        assert form.endswith("n=7&a+b=%C3%BC")
        assert "Content-Type: application/x-www-form-urlencoded\r\n" in form

    def test_a_path_that_looks_like_json_is_sent_as_it_is(self) -> None:
        assert sent(Request("GET", "/{id}")).startswith("GET /{id} HTTP/1.1\r\n")


class TestEncoding:
    def test_paths_are_quoted_once(self) -> None:
        assert sent(Request("GET", "/a b/ü?x=1&y=%20")).startswith(
            "GET /a%20b/%C3%BC?x=1&y=%20 HTTP/1.1\r\n"
        )

    def test_a_fragment_is_never_sent(self) -> None:
        assert sent(Request("GET", "/a#b")).startswith("GET /a HTTP/1.1\r\n")

    def test_bytes_are_sent_as_they_are(self) -> None:
        data = bytes(range(256))
        assert prepare(Request("PUT", "/", data=data)).render(b"h", 1).endswith(data)

    def test_the_users_content_type_wins(self) -> None:
        text = sent(Request("POST", "/", json={}, headers={"content-type": "application/x"}))
        assert text.lower().count("content-type") == 1

    @pytest.mark.parametrize("value", [0, False, "", [], {}])
    def test_empty_json_is_json(self, value: Any) -> None:
        assert "Content-Type: application/json" in sent(Request("POST", "/", json=value))


class TestRefusals:
    def test_text_to_request(self) -> None:
        assert parse_request("  DELETE /a  ") == Request("DELETE", "/a")

    @pytest.mark.parametrize("text", ["", "GET", "/a", "get /a", "GET a", "GET http://x/", "G=T /"])
    def test_what_is_no_request(self, text: str) -> None:
        with pytest.raises(SettingError):
            parse_request(text)

    def test_both_bodies(self) -> None:
        with pytest.raises(SettingError, match="give json= or data=, not both"):
            Request("POST", "/", json={}, data="x")

    @pytest.mark.parametrize(
        "request_",
        [
            Request("GET", "/", headers={"A": "b\r\nX: y"}),
            Request("GET", "/", headers={"A\n": "b"}),
            Request("GET", "/", headers={"X-{i}": "b"}),
            Request("POST", "/", json=object()),
        ],
    )
    def test_what_cannot_be_sent(self, request_: Request) -> None:
        with pytest.raises(SettingError, match="cannot be"):
            prepare(request_)

    @pytest.mark.parametrize("expect", ["200", [], ["200"], [200, None]])
    def test_an_expectation_that_nothing_can_meet(self, expect: Any) -> None:
        with pytest.raises(SettingError, match="is no status, no list of them, and no function"):
            prepare(Request("GET", "/", expect=expect))

    def test_a_line_break_in_a_path_smuggles_nothing(self) -> None:
        head = sent(Request("GET", "/a\r\nX: y"))
        assert head.startswith("GET /a%0D%0AX:%20y HTTP/1.1\r\n")


class TestExpectations:
    @pytest.mark.parametrize(
        ("expect", "status", "accepted"),
        [
            (None, 200, True),
            (None, 299, True),
            (None, 304, False),
            (None, 404, False),
            (404, 404, True),
            (404, 200, False),
            ([200, 404], 404, True),
            ((200, 404), 500, False),
            (lambda response: response.status == 418, 418, True),
            (lambda response: response.status == 418, 200, False),
            (lambda response: None, 200, False),  # noqa: ARG005 - an assert was forgotten
        ],
    )
    def test_statuses_and_functions(self, expect: Expectation, status: int, accepted: bool) -> None:
        assert (refusal(expect, Response(status, (), b"")) == "") is accepted

    def test_they_are_told(self) -> None:
        answer = Response(500, (), b"")
        assert refusal(None, answer) == "answered 500, not 2xx"
        assert refusal((200, 404), answer) == "answered 500, not 200 or 404"
        nothing: Any = lambda _: None  # noqa: E731
        assert refusal(nothing, answer) == "answered 500, and expect= returned None"
