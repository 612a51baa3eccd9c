from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from edge.photos.split import TEST_SHARE, sides

FILED = st.lists(st.tuples(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), st.text("0123456789", max_size=2)))


@given(FILED)
def test_every_picture_has_one_side_and_the_test_never_outgrows_its_first_subclass(
    filed: list[tuple[tuple[str, str], str]],
) -> None:
    """Whatever shares a picture, in whatever subclasses; the order of photos decides nothing."""
    side = sides(filed)

    assert set(side) == {picture for _, picture in filed}
    assert side == sides(reversed(filed))
    first = min((stratum for stratum, _ in filed), default=None)
    counts = Counter(side[picture] for stratum, picture in filed if stratum == first)
    assert counts["test"] <= round(counts.total() * TEST_SHARE)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_single_pictures_fill_the_share_of_every_subclass(sizes: list[int]) -> None:
    """Without copies each subclass gives exactly its rounded 30 % to the test."""
    filed = [(("a", str(subclass)), f"{subclass}-{n}") for subclass, size in enumerate(sizes) for n in range(size)]

    side = sides(filed)

    tests: dict[str, int] = defaultdict(int)
    for (_, subclass), picture in filed:
        tests[subclass] += side[picture] == "test"
    assert [tests[str(subclass)] for subclass in range(len(sizes))] == [round(size * TEST_SHARE) for size in sizes]


def test_a_picture_counts_in_every_subclass_that_shows_it() -> None:
    """What the first subclass sends to the test leaves less room in the second."""
    own = [(("a", "x"), str(number)) for number in range(10)]
    also = [(("a", "y"), str(number)) for number in range(3)] + [(("a", "y"), f"y{number}") for number in range(7)]

    side = sides(own + also)

    assert [picture for picture in sorted(side) if side[picture] == "test"] == ["0", "1", "2"]
