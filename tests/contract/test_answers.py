"""What every engine's answers are like."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from proxy.generation import Generation
from tests.contract.subject import SAMPLING, Subject, answer, ask


def sampled(generation: Generation, seed: int, room: int = 24) -> Generation:
    return ask(generation, seed=seed, max_tokens=room, sampling=replace(generation.sampling, temperature=1.0))


def first_end(ids: list[int], word: tuple[int, ...]) -> int:
    """How many ids there are up to and with the first occurrence of the word."""
    return next(end for end in range(len(ids) + 1) if tuple(ids[max(0, end - len(word)) : end]) == word)


async def test_the_last_item_alone_carries_the_finish_reason(subject: Subject) -> None:
    *others, last = (await answer(subject.engine, ask(subject.plain, max_tokens=12))).items
    assert all(item.finish is None for item in others)
    assert last.finish == "length"
    assert len(others) >= 1


async def test_items_carry_only_the_ids_that_are_new(subject: Subject) -> None:
    short = await answer(subject.engine, ask(subject.plain, max_tokens=6))
    long = await answer(subject.engine, ask(subject.plain, max_tokens=12))
    assert (len(short.ids), len(long.ids)) == (6, 12)
    assert long.ids[:6] == short.ids


async def test_a_room_of_one_is_one_id(subject: Subject) -> None:
    found = await answer(subject.engine, ask(subject.plain, max_tokens=1))
    assert (len(found.ids), found.finish) == (1, "length")


async def test_an_answer_that_ends_by_itself_stops_and_its_end_id_never_appears(subject: Subject) -> None:
    found = await answer(subject.engine, ask(subject.ending))
    assert found.finish == "stop"
    assert 0 < len(found.ids) < subject.ending.max_tokens
    assert not set(found.ids) & set(subject.ending.end_ids)


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_a_stop_word_ends_the_answer_and_is_its_end(length: int, subject: Subject) -> None:
    free = (await answer(subject.engine, ask(subject.plain, max_tokens=12))).ids
    word = tuple(free[5 : 5 + length])
    other = (subject.vocab_size - 2, subject.vocab_size - 1)
    found = await answer(subject.engine, ask(subject.plain, stop_words=(other, word)))
    assert found.ids == free[: first_end(free, word)]
    assert found.finish == "stop"


async def test_a_stop_word_that_takes_the_last_of_the_room_is_a_stop(subject: Subject) -> None:
    free = (await answer(subject.engine, ask(subject.plain, max_tokens=12))).ids
    word = tuple(free[5:7])
    room = first_end(free, word)
    found = await answer(subject.engine, ask(subject.plain, max_tokens=room, stop_words=(word,)))
    assert (found.ids, found.finish) == (free[:room], "stop")


async def test_log_probs_are_one_for_each_id_and_only_when_asked_for(subject: Subject) -> None:
    without = await answer(subject.engine, ask(subject.plain, max_tokens=10))
    found = await answer(subject.engine, ask(subject.plain, max_tokens=10, log_probs=True))
    assert without.log_probs == []
    assert found.ids == without.ids
    assert all(len(item.log_probs) == len(item.ids) for item in found.items)
    assert len(found.log_probs) == 10
    assert all(value <= 0 for value in found.log_probs)


async def test_log_probs_stay_with_their_ids_where_the_answer_ends_by_itself(subject: Subject) -> None:
    found = await answer(subject.engine, ask(subject.ending, log_probs=True))
    assert found.finish == "stop"
    assert len(found.log_probs) == len(found.ids) > 0


async def test_the_same_seed_gives_the_same_ids_alone_and_beside_others(subject: Subject) -> None:
    alone = await answer(subject.engine, sampled(subject.plain, 7))
    again, *_ = await asyncio.gather(
        answer(subject.engine, sampled(subject.plain, 7)),
        *(answer(subject.engine, sampled(subject.ending, seed, room=30)) for seed in (1, 2, 3)),
    )
    assert again.ids == alone.ids


@pytest.mark.parametrize("subject", SAMPLING, indirect=True)
async def test_different_seeds_give_different_ids_where_the_engine_samples(subject: Subject) -> None:
    seeds = (1, 2, 2**32 + 1, 2**64 - 1)
    answers = [(await answer(subject.engine, sampled(subject.plain, seed))).ids for seed in seeds]
    assert len({tuple(ids) for ids in answers}) == len(seeds)
