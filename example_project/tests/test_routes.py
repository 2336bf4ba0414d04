"""The product's own routes leak nothing."""

from __future__ import annotations

import pytest

from pytest_echoleak import Request

NEW_NOTE = Request("POST", "/notes", json={"user_id": 42, "title": "Note {i}"}, expect=201)
CHANGED_NOTE = Request("PUT", "/notes/3", json={"title": "Towel {i}"}, expect=204)


@pytest.mark.parametrize("path", ["/users/42", "/notes"])
def test_reading_leaks_nothing(assert_no_leak, path):
    assert_no_leak(f"GET {path}")


def test_writing_leaks_nothing(assert_no_leak):
    assert_no_leak([NEW_NOTE, CHANGED_NOTE, "GET /notes/3"])


def test_a_note_that_does_not_exist_leaks_nothing(assert_no_leak):
    assert_no_leak(Request("GET", "/notes/0", expect=404))


def test_a_whole_life_of_a_note_leaks_nothing(echo_service, assert_no_leak):
    def write_and_delete():
        session = echo_service.session()
        note = session.post("/notes", json={"user_id": 1, "title": "Short-lived"}).json()
        assert session.get(f"/notes/{note['id']}").json()["title"] == "Short-lived"
        assert session.delete(f"/notes/{note['id']}").status_code == 204

    assert_no_leak(write_and_delete)
