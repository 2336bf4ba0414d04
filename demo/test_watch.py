"""One leak check, as one would write it. It fails: each request of this route leaves a closure."""


def test_watching_leaks_nothing(assert_no_leak):
    assert_no_leak("GET /leaky/listener")
