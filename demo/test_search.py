"""One leak check, as one would write it. It fails: a request of this route leaves a goroutine."""


def test_search_leaks_nothing(assert_no_leak):
    assert_no_leak("GET /leaky/goroutine")
