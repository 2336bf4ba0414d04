"""Requests as bytes, and the parts of URLs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_echoleak.transport import Origin, message, split_url


class TestMessages:
    def test_the_bytes_of_a_request(self) -> None:
        assert message("GET", "/a", b"h:1", {"A": "b"}) == (
            b"GET /a HTTP/1.1\r\nA: b\r\nHost: h:1\r\n\r\n"
        )

    def test_a_body_has_a_length_and_an_empty_post_too(self) -> None:
        assert b"Content-Length: 3\r\n" in message("PUT", "/", b"h", {}, b"abc")
        assert b"Content-Length: 0\r\n" in message("POST", "/", b"h", {})
        assert b"Content-Length" not in message("GET", "/", b"h", {})

    def test_the_users_own_host_header_wins(self) -> None:
        data = message("GET", "/", b"h", {"host": "shop.example"})
        assert data.lower().count(b"host:") == 1
        assert b"host: shop.example" in data

    @pytest.mark.parametrize(
        ("method", "target", "headers"),
        [
            ("GET", "/a\r\nX: y", {}),
            ("GET", "/a\n", {}),
            ("GET\r\n", "/", {}),
            ("GET", "/a HTTP/1.1", {}),
            ("GET", "/", {"A": "b\r\n\r\nGET /admin HTTP/1.1"}),
            ("GET", "/", {"A\r\nB": "c"}),
            ("GET", "/", {"A": "b\rc"}),
        ],
    )
    def test_what_could_smuggle_another_request_is_refused(
        self, method: str, target: str, headers: dict[str, str]
    ) -> None:
        with pytest.raises(ValueError, match="line break or space"):
            message(method, target, b"h", headers)

    @settings(deadline=None)
    @given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
    def test_a_message_that_is_made_is_one_request(self, path: str, name: str, value: str) -> None:
        try:
            data = message("GET", "/" + path, b"h", {name: value})
        except ValueError:
            return
        head, end, rest = data.partition(b"\r\n\r\n")
        assert (end, rest) == (b"\r\n\r\n", b"")
        assert len(head.split(b"\r\n")) == 3
        assert b"\n" not in head.replace(b"\r\n", b"")


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "origin", "target", "host"),
        [
            ("http://a", Origin("http", "a", 80), "/", b"a"),
            ("http://a:8080/x?y=1#z", Origin("http", "a", 8080), "/x?y=1", b"a:8080"),
            ("https://a/x", Origin("https", "a", 443), "/x", b"a"),
            ("http://a:443", Origin("http", "a", 443), "/", b"a:443"),
            ("http://[::1]:81/", Origin("http", "::1", 81), "/", b"[::1]:81"),
        ],
    )
    def test_their_parts(self, url: str, origin: Origin, target: str, host: bytes) -> None:
        assert split_url(url) == (origin, target)
        assert origin.host_header == host

    @pytest.mark.parametrize(
        "url",
        ["", "a:80", "/x", "ftp://a", "http://", "http://a:x", "http://a/x y", "http://a/\x01"],
    )
    def test_what_is_none(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            split_url(url)
