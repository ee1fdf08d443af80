"""The bound on attempts to sign in."""

from concurrent.futures import ThreadPoolExecutor

from app.accounts.limiter import AttemptLimiter


def test_attempts_over_the_bound_wait_for_the_window_to_end() -> None:
    limiter = AttemptLimiter(attempts=3, window=60)
    assert [limiter.attempt("a", now=10.0 + n) for n in range(3)] == [0, 0, 0]
    assert limiter.attempt("a", now=20.0) == 50
    assert limiter.attempt("b", now=20.0) == 0
    assert limiter.attempt("a", now=70.0) == 0


def test_success_forgets_the_attempts() -> None:
    limiter = AttemptLimiter(attempts=1)
    assert limiter.attempt("a", now=0) == 0
    limiter.succeeded("a")
    assert limiter.attempt("a", now=0) == 0


def test_parallel_guesses_get_no_more_attempts() -> None:
    limiter = AttemptLimiter(attempts=5)
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: limiter.attempt("a", now=0), range(200)))
    assert waits.count(0) == 5


def test_memory_is_bounded_and_the_oldest_are_forgotten_first() -> None:
    limiter = AttemptLimiter(attempts=1, keys=2)
    for key in ("a", "b", "c"):
        assert limiter.attempt(key, now=0) == 0
    assert limiter.attempt("c", now=1) > 0
    assert limiter.attempt("a", now=1) == 0
