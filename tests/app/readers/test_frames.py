"""What is sent between the web process and its readers arrives, in whatever pieces."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.guard.watch import Asker
from app.readers.frames import Answer, Frames, question, scope_of

HEADERS = st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=50)), max_size=5)
ASKERS = st.none() | st.builds(Asker, st.uuids(), st.none() | st.uuids())
ANSWERS = st.builds(Answer, st.integers(200, 599), HEADERS, st.binary(max_size=3000), ASKERS)


@given(st.lists(ANSWERS, max_size=5), st.lists(st.integers(1, 400), min_size=1))
def test_answers_arrive_in_order_in_whatever_pieces(answers: list[Answer], lengths: list[int]) -> None:
    stream, frames, arrived = b"".join(each.frame() for each in answers), Frames(), []
    while stream:
        for length in lengths:
            arrived += [Answer.read(*frame) for frame in frames.feed(stream[:length])]
            stream = stream[length:]
    assert arrived == answers


@given(st.text("/abc文%", min_size=1), st.binary(max_size=50), HEADERS)
def test_a_question_is_the_request(path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    asked = {
        "method": "GET",
        "scheme": "https",
        "path": path,
        "query_string": query,
        "headers": headers,
        "client": ("10.0.0.7", 50000),
        "server": None,
    }
    ((head, body),) = Frames().feed(question(asked))
    understood = scope_of(head)
    assert {key: understood[key] for key in asked} == asked
    assert not body


def test_only_what_went_well_is_taken_from_a_reader() -> None:
    somebody = Asker(UUID(int=1), UUID(int=2))
    assert [status for status in range(100, 600) if Answer(status, (), b"", somebody).counts] == [
        *range(200, 300),
        304,
    ]
    assert not Answer(200, (), b"", None).counts
