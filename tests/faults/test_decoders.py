"""Whatever bytes a stranger wrote, a decoder answers or refuses, in bounded time; nothing else comes out of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.faults.decoders import DECODERS, SEEDS, Decoder, mutated, seeds_of

Count = Callable[[str, int], None]
_ALL = 10_000
_OF_SLOW = 1_000
_SECONDS = 3.0


def _refusal_of(decoder: Decoder, data: bytes) -> str:
    """What went wrong; empty if the decoder did what it promises."""
    start = time.thread_time()
    try:
        decoder.use(data)
    except UnicodeEncodeError as error:
        # a ValueError, but nobody's refusal
        return f"{type(error).__name__}: {error}"
    except decoder.refusals:
        pass
    except Exception as error:  # noqa: BLE001  that nothing else comes is what is tried
        return f"{type(error).__name__}: {error}"
    spent = time.thread_time() - start
    return f"it took {spent:.1f} s" if spent > _SECONDS else ""


@pytest.mark.parametrize("name", DECODERS)
def test_what_is_decoded_is_a_value_or_refused(name: str, all_points: bool, count: Count):
    decoder, seeds = DECODERS[name], seeds_of(name)
    dice = random.Random(name)
    number = _OF_SLOW if decoder.is_slow and not all_points else _ALL
    wrong = [(data[:300], problem) for data in seeds if (problem := _refusal_of(decoder, data))]
    for _ in range(number):
        data = mutated(dice, seeds)
        if problem := _refusal_of(decoder, data):
            wrong.append((data[:300], problem))
    assert wrong == []
    count("inputs of decoders", number + len(seeds))


def test_each_decoder_takes_a_seed():
    for name, decoder in DECODERS.items():
        decoder.use(seeds_of(name)[0])
    assert {path.name for path in SEEDS.iterdir()} == set(DECODERS)


def test_a_decoder_that_breaks_is_seen():
    def breaks(data: bytes) -> None:
        data.decode("ascii").index("e")

    dice = random.Random(1)
    assert any(_refusal_of(Decoder(breaks), mutated(dice, seeds_of("pointer"))) for _ in range(300))
    assert _refusal_of(Decoder(breaks, (ValueError,)), b"a") == ""
