"""Chance that repeats itself: the same seed gives the same province."""

import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

T = TypeVar("T")


def stream(*of: object) -> random.Random:
    """A thing's own stream of random numbers, the same on every machine: `stream(seed, "pupils", county)`."""
    return random.Random("/".join(map(str, of)))  # noqa: S311 -- sample data, not secrets


def spread(total: int, weights: Sequence[float]) -> list[int]:
    """A whole number divided by weights into whole parts that add up to it again."""
    bounds = [0, *(round(total * part / sum(weights)) for part in accumulate(weights))]
    return [last - first for first, last in pairwise(bounds)]


def table(weighted: dict[T, float], size: int = 16384) -> list[T]:
    """A list in which each thing stands as often as it weighs: drawing from it costs one index."""
    parts = spread(size, list(weighted.values()))
    return [thing for thing, part in zip(weighted, parts, strict=True) for _ in range(part)]


def heavy(chance: random.Random, bounds: Sequence[float], sizes: Sequence[tuple[int, int]]) -> int:
    """A number from one of several ranges; `bounds` are the ranges' cumulative shares."""
    low, high = sizes[min(bisect(bounds, chance.random()), len(sizes) - 1)]
    return chance.randint(low, high)
