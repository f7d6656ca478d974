"""The line before the engine: who goes, who waits, who is refused, and what the refused are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.admission import LONGEST_RETRY, Admission, Line
from proxy.errors import Overloaded
from proxy.metrics import Metrics


class Visit:
    """A request of a client: it waits for its places and keeps them until it is told to go."""

    def __init__(self, line: Line, client: str = "", places: int = 1) -> None:
        self.client = client
        self.inside = False
        self.refused: Overloaded | None = None
        self._leave = asyncio.Event()
        self._task = asyncio.ensure_future(self._run(line, places))

    async def _run(self, line: Line, places: int) -> None:
        try:
            async with line.turn(self.client, places):
                self.inside = True
                await self._leave.wait()
        except Overloaded as error:
            self.refused = error
        finally:
            self.inside = False

    def leave(self) -> None:
        self._leave.set()

    def give_up(self) -> None:
        self._task.cancel()

    async def over(self) -> None:
        self.leave()
        await asyncio.gather(self._task, return_exceptions=True)


async def settle() -> None:
    """Lets all that can happen happen."""
    for _ in range(6):
        await asyncio.sleep(0)


@asynccontextmanager
async def visits(line: Line, *wanted: tuple[str, int]) -> AsyncIterator[list[Visit]]:
    """Requests that came one after another; none is left at the end."""
    come = []
    for client, places in wanted:
        come.append(Visit(line, client, places))
        await settle()
    yield come
    for one in come:
        one.give_up()
        await one.over()


def make_line(max_running: int = 1, max_waiting: int = 100) -> Line:
    return Line("m", Metrics(), max_running, max_waiting)


async def order(line: Line, come: list[Visit]) -> list[int]:
    """The numbers of those who wait, as they are let in when those inside leave one by one."""
    found = []
    known = {one for one in come if one.inside}
    while inside := [one for one in come if one.inside]:
        inside[0].leave()
        await settle()
        found += [number for number, one in enumerate(come) if one.inside and one not in known]
        known |= {one for one in come if one.inside}
    return found


async def test_clients_take_turns_and_each_ones_requests_go_in_order() -> None:
    line = make_line()
    wanted = [("x", 1), ("a", 1), ("a", 1), ("a", 1), ("b", 1), ("b", 1), ("c", 1), ("a", 1)]
    async with visits(line, *wanted) as come:
        assert [one.inside for one in come] == [True] + [False] * 7
        assert await order(line, come) == [1, 4, 6, 2, 5, 3, 7]


async def test_turns_count_places_and_not_requests() -> None:
    line = make_line(4)
    wanted = [("x", 4), *[("many", 4)] * 3, *[("single", 1)] * 12]
    async with visits(line, *wanted) as come:
        order_of = await order(line, come)
    clients = [come[number].client for number in order_of]
    # Four singles for each request with four samples, and whoever is due first goes first.
    assert clients == ["single"] * 3 + (["many"] + ["single"] * 4) * 2 + ["many", "single"]


async def test_one_big_request_at_a_time_takes_no_more_than_its_share() -> None:
    line = make_line(4)
    async with visits(line, ("x", 4), ("big", 4), *[("small", 1)] * 7) as come:
        come[0].leave()
        await settle()
        assert [one.inside for one in come[2:]] == [True, True, True, False, False, False, False]
        for one in come[2:5]:
            one.leave()
        await settle()
        assert come[1].inside
        async with visits(line, ("big", 4)) as again:
            come[1].leave()
            await settle()
            assert [one.inside for one in come[5:]] == [True] * 4
            assert not again[0].inside


async def test_one_client_alone_is_served_in_order() -> None:
    line = make_line(2)
    async with visits(line, *[("", 1)] * 6) as come:
        assert await order(line, come) == [2, 3, 4, 5]


async def test_samples_take_places_and_nobody_overtakes_one_that_needs_many() -> None:
    line = make_line(4)
    async with visits(line, ("a", 2), ("b", 3), ("c", 1)) as come:
        assert [one.inside for one in come] == [True, False, False]
        come[0].leave()
        await settle()
        assert [one.inside for one in come] == [False, True, True]


async def test_a_request_for_more_than_there_is_takes_it_all() -> None:
    line = make_line(2)
    async with visits(line, ("a", 8), ("b", 1)) as come:
        assert [one.inside for one in come] == [True, False]
        come[0].leave()
        await settle()
        assert come[1].inside


async def test_one_that_gives_up_frees_its_place_in_the_line_and_lets_others_by() -> None:
    line = make_line(2, max_waiting=2)
    async with visits(line, ("a", 1), ("b", 2), ("c", 1)) as come:
        assert [one.inside for one in come] == [True, False, False]
        come[1].give_up()
        await settle()
        assert come[2].inside
        async with visits(line, ("d", 1), ("d", 1)) as late:
            assert all(one.refused is None for one in late)


async def test_one_that_gives_up_in_the_moment_it_is_called_gives_its_places_back() -> None:
    line = make_line()
    first = line.turn("a", 1)
    await line.enter(first)
    async with visits(line, ("b", 1), ("c", 1)) as come:
        line.leave(first)
        come[0].give_up()
        await settle()
        assert [one.inside for one in come] == [False, True]


async def test_one_that_gave_up_and_has_not_said_so_is_not_called() -> None:
    line = make_line()
    async with visits(line, ("a", 1), ("b", 1), ("c", 1)) as come:
        come[1].give_up()
        come[0].leave()
        await settle()
        assert [one.inside for one in come] == [False, False, True]


async def test_too_many_are_refused_and_told_so_before_they_have_waited() -> None:
    admission = Admission(Metrics(), max_running=1, max_waiting=0, readers=1)
    async with admission.turn("m", "", 1):
        with pytest.raises(Overloaded):
            admission.turn("m", "", 1)
        async with admission.turn("another model", "", 1):
            """Has a line of its own."""
    async with admission.turn("m", "", 1):
        """There is room again."""


async def test_a_client_with_few_requests_gets_the_place_of_one_with_many() -> None:
    line = make_line(1, max_waiting=3)
    async with visits(line, *[("greedy", 1)] * 4, ("modest", 1), ("modest", 1), ("greedy", 1)) as come:
        assert [one.refused is not None for one in come] == [False, False, False, True, False, True, True]
        assert await order(line, come) == [1, 4, 2]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_the_refused_are_told_how_long_those_before_them_will_take() -> None:
    clock = Clock()
    line = Line("m", Metrics(), 1, 4, clock)
    async with visits(line, *[("", 1)] * 5) as come:
        for one in come[:2]:
            clock.now += 2
            one.leave()
            await settle()
        async with visits(line, *[("", 1)] * 3) as late:
            assert late[2].refused is not None
            assert late[2].refused.headers["Retry-After"] == "8"  # four wait, two seconds each
            clock.now += 10  # it stands still
            async with visits(line, ("", 1)) as last:
                assert last[0].refused is not None
                assert last[0].refused.headers["Retry-After"] == "40"
            clock.now += 3600
            async with visits(line, ("", 1)) as last:
                assert last[0].refused is not None
                assert last[0].refused.headers["Retry-After"] == str(LONGEST_RETRY)


async def test_where_nobody_may_wait_the_pace_is_that_of_those_inside() -> None:
    clock = Clock()
    line = Line("m", Metrics(), 2, 0, clock)
    async with visits(line, ("", 1), ("", 1)) as come:
        clock.now += 24
        come[0].leave()
        await settle()
        async with visits(line, ("", 1), ("", 1)) as late:
            assert late[1].refused is not None
            assert late[1].refused.headers["Retry-After"] == "12"  # two inside, 24 seconds each


async def test_long_requests_have_a_line_before_they_are_read() -> None:
    admission = Admission(Metrics(), max_running=1, max_waiting=0, readers=2)
    async with admission.turn("m", "", 1), admission.reading(""), admission.reading(""):
        with pytest.raises(Overloaded):
            admission.reading("")


async def test_nobody_is_told_to_come_back_at_once() -> None:
    line = Line("m", Metrics(), 1, 1, Clock())
    async with visits(line, *[("", 1)] * 3) as come:
        assert come[2].refused is not None
        assert come[2].refused.headers["Retry-After"] == "1"


class PlainLine:
    """The rules word by word, on lists that are searched through."""

    def __init__(self, places: int, max_waiting: int) -> None:
        self.places = self.free = places
        self.max_waiting = max_waiting
        self.waiting: list[tuple[int, str, int]] = []
        self.turns: list[str] = []
        self.now = 0
        self.served: dict[str, int] = {}
        self.inside: dict[int, int] = {}
        self.refused: set[int] = set()

    def held(self, client: str) -> int:
        return sum(client == other for _, other, _ in self.waiting)

    def come(self, number: int, client: str, wanted: int) -> None:
        places = min(wanted, self.places)
        if not self.waiting and places <= self.free:
            self.free -= places
            self.inside[number] = places
            return
        if len(self.waiting) >= self.max_waiting:
            most = max((self.held(other) for other in self.turns), default=0)
            if most < self.held(client) + 2:
                self.refused.add(number)
                return
            greedy = next(other for other in self.turns if self.held(other) == most)
            self.refused.add(max(one for one, other, _ in self.waiting if other == greedy))
            self.go(max(one for one, other, _ in self.waiting if other == greedy))
        self.waiting.append((number, client, places))
        if client not in self.turns:
            self.turns.append(client)
            self.served[client] = self.now

    def go(self, number: int) -> None:
        self.free += self.inside.pop(number, 0)
        self.waiting = [entry for entry in self.waiting if entry[0] != number]
        self.turns = [client for client in self.turns if self.held(client)]

    def first(self, client: str) -> tuple[int, str, int]:
        return next(entry for entry in self.waiting if entry[1] == client)

    def due(self, client: str) -> int:
        return self.served[client] + self.first(client)[2]

    def call(self) -> None:
        while self.turns:
            soonest = min(self.due(client) for client in self.turns)
            client = next(client for client in self.turns if self.due(client) == soonest)
            number, _, places = self.first(client)
            if places > self.free:
                return
            self.free -= places
            self.inside[number] = places
            self.now = self.served[client] = soonest
            self.waiting.remove((number, client, places))
            self.turns.remove(client)
            self.turns += [client] * (self.held(client) > 0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from("abc"), st.integers(1, 5)),
        st.tuples(st.just("go"), st.integers(0, 30), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(1, 4), st.integers(0, 5))
def test_any_course_of_events_is_as_the_rules_say(
    course: list[tuple[str, str | int, int]], places: int, max_waiting: int
) -> None:
    asyncio.run(play(course, places, max_waiting))


async def play(course: list[tuple[str, str | int, int]], places: int, max_waiting: int) -> None:
    line, plain = make_line(places, max_waiting), PlainLine(places, max_waiting)
    come: list[Visit] = []
    for kind, who, wanted in course:
        if kind == "come":
            plain.come(len(come), str(who), wanted)
            come.append(Visit(line, str(who), wanted))
        elif come:
            number = int(who) % len(come)
            # One that is gone already changes nothing: nobody is called.
            there = number in plain.inside or any(number == one for one, _, _ in plain.waiting)
            plain.go(number)
            come[number].leave() if come[number].inside else come[number].give_up()
            if there:
                plain.call()
        await settle()
        assert {number for number, one in enumerate(come) if one.inside} == set(plain.inside)
        assert {number for number, one in enumerate(come) if one.refused} == plain.refused
        assert sum(plain.inside.values()) <= places
    for one in come:
        one.give_up()
        await one.over()
