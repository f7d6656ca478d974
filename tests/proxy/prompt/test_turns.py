from __future__ import annotations

from proxy.prompt.turns import Turns


def conversation(text: str) -> list[dict[str, object]]:
    """``s u a(1,2) t1 t2``: roles by their first letter, calls in brackets, f for a deprecated function."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "f": "function"}
    messages: list[dict[str, object]] = []
    for word in text.split():
        message: dict[str, object] = {"role": roles[word[0]], "content": word}
        if "(" in word:
            message["tool_calls"] = [{"id": name} for name in word[2:-1].split(",")]
        if word[0] == "t":
            message["tool_call_id"] = word[1:]
        messages.append(message)
    return messages


def left(text: str) -> list[str]:
    """What is left when 0, 1, ... turns are dropped."""
    turns = Turns(conversation(text))
    return [" ".join(str(message["content"]) for message in turns.since(n)) for n in range(turns.count + 1)]


def test_the_oldest_goes_first_and_the_last_stays() -> None:
    assert left("u1 a2 u3") == ["u1 a2 u3", "a2 u3", "u3"]


def test_system_messages_stay_wherever_they_are() -> None:
    assert left("s1 u2 s3 a4 u5") == ["s1 u2 s3 a4 u5", "s1 s3 a4 u5", "s1 s3 u5"]
    assert left("u1 a2 s3") == ["u1 a2 s3", "a2 s3", "s3"]
    assert left("s1") == ["s1"]


def test_calls_go_with_their_results() -> None:
    assert left("u1 a(x,y) tx ty a5 u6") == ["u1 a(x,y) tx ty a5 u6", "a(x,y) tx ty a5 u6", "a5 u6", "u6"]


def test_results_that_come_late_go_with_their_call() -> None:
    assert left("u1 a(x) u3 tx u5") == ["u1 a(x) u3 tx u5", "a(x) u3 tx u5", "u3 u5", "u5"]


def test_an_id_that_is_used_again_is_the_later_calls() -> None:
    assert left("a(x) tx a(x) tx u5") == ["a(x) tx a(x) tx u5", "a(x) tx u5", "u5"]


def test_the_call_that_the_last_message_answers_stays_with_all_its_results() -> None:
    assert left("u1 a(x,y) u3 tx ty") == ["u1 a(x,y) u3 tx ty", "a(x,y) u3 tx ty", "a(x,y) tx ty"]


def test_deprecated_functions_go_with_the_message_that_called_them() -> None:
    assert left("u1 a2 f3 u4") == ["u1 a2 f3 u4", "a2 f3 u4", "u4"]
    assert left("f1 u2") == ["f1 u2", "u2"]


def test_it_knows_where_questions_are() -> None:
    turns = Turns(conversation("s0 u1 a2 a(x) tx u5 a6 u7"))
    assert [turns.question_from(n) for n in range(turns.count + 1)] == [0, 3, 3, 3, 5, 5]
    assert turns.last_question == 3
    assert Turns(conversation("a1 a2 u3")).last_question == 2
