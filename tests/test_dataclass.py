"""graphc's own `dataclass` behaves as the standard library's, on which everything here is compared."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field

import pytest

from graphc.dataclass import dataclass as ours

standard = dataclasses.dataclass


def classes(make):
    """The same classes made by one of the two decorators."""

    @make(frozen=True)
    class Point:
        """A point."""

        x: int
        y: float = 2.0
        tags: list = field(default_factory=list, compare=False)

        @property
        def norm(self):
            return self.x * self.x + self.y * self.y

    @make(frozen=True)
    class Named(Point):
        """A point with a name."""

        name: str = "p"

        def __post_init__(self):
            if not self.name:
                raise ValueError("a name is empty")

    @make(frozen=True, eq=False)
    class Identity:
        """Equal to itself only."""

        x: int

    @make
    class Counter:
        """Mutable."""

        n: int = 0

        def add(self):
            self.n += 1

    @make(frozen=True)
    class Empty:
        """No fields."""

    @make(frozen=True)
    class Own:
        """Defines its own equality."""

        x: int

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

    return Point, Named, Identity, Counter, Empty, Own


def text(value):
    return repr(value).replace("classes.<locals>.", "")


@pytest.mark.parametrize(
    "action",
    [
        lambda P, N, I, C, E, O: text(P(1)),
        lambda P, N, I, C, E, O: text(N(1, name="q", y=3.0)),
        lambda P, N, I, C, E, O: text(E()) + text(C(5)),
        lambda P, N, I, C, E, O: P(1) == P(1, 2.0, [3]),
        lambda P, N, I, C, E, O: (P(1) == P(2), P(1) == N(1), P(1) == (1, 2.0), N(1) != N(1, name="q")),
        lambda P, N, I, C, E, O: (
            hash(P(1)) == hash(P(1, 2.0, [3])),
            hash(P(1)) == hash(P(2)),
            len({E(), E()}),
        ),
        lambda P, N, I, C, E, O: (I(1) == I(1), len({I(1), I(1)})),
        lambda P, N, I, C, E, O: (O(1) == O(2), hash(O(1))),
        lambda P, N, I, C, E, O: (C() == C(0), C() == C(1)),
        lambda P, N, I, C, E, O: C.__hash__,
        lambda P, N, I, C, E, O: text(dataclasses.replace(N(1), x=7)),
        lambda P, N, I, C, E, O: [(f.name, f.default) for f in dataclasses.fields(N)][:2],
        lambda P, N, I, C, E, O: (dataclasses.asdict(P(1)), dataclasses.astuple(P(1))),
        lambda P, N, I, C, E, O: P(1).tags is P(1).tags,
        lambda P, N, I, C, E, O: (P.__match_args__, N.__match_args__, P(3).norm),
        lambda P, N, I, C, E, O: text(copy.deepcopy(P(1, 2.0, [1]))),
    ],
)
def test_the_same_as_the_standard_library(action):
    assert action(*classes(ours)) == action(*classes(standard))


@pytest.mark.parametrize(
    "action",
    [
        lambda P, N, I, C, E, O: P(),
        lambda P, N, I, C, E, O: P(1, 2, 3, 4),
        lambda P, N, I, C, E, O: P(1, x=2),
        lambda P, N, I, C, E, O: P(1, z=2),
        lambda P, N, I, C, E, O: N(1, name=""),
        lambda P, N, I, C, E, O: hash(C()),
        lambda P, N, I, C, E, O: setattr(P(1), "x", 2),
        lambda P, N, I, C, E, O: delattr(P(1), "x"),
        lambda P, N, I, C, E, O: setattr(P(1), "new", 2),
    ],
)
def test_the_same_refusals(action):
    with pytest.raises((TypeError, ValueError, FrozenInstanceError)) as expected:
        action(*classes(standard))
    with pytest.raises(expected.type):
        action(*classes(ours))


@ours(frozen=True)
class Kept:
    """At the top of a module, so that it can be pickled."""

    x: int
    y: tuple = ()


def test_records_are_pickled():
    assert pickle.loads(pickle.dumps(Kept(1, (2, 3)))) == Kept(1, (2, 3))


def test_mutable_fields_change():
    counter = classes(ours)[3](2)
    counter.add()
    assert counter.n == 3
