from dataclasses import replace

from edge.sim.layout import SceneItem
from edge.sim.scoring import Verdict, account

LINE_MM = 300.0


def item(number: int, place_mm: float, y_mm: float = 250.0, partner: int | None = None) -> SceneItem:
    """An item of 100 x 80 mm."""
    return SceneItem(number, "paper", "x", place_mm, 100.0, 80.0, y_mm, 64, partner)


def about(place_mm: float, y_mm: float = 250.0) -> Verdict:
    """A decision about what is at this place of the belt."""
    return Verdict(LINE_MM + place_mm, y_mm, "paper", "classified")


def test_each_item_has_the_decision_at_its_place() -> None:
    """In whatever order decisions come, and a few millimetres off."""
    found = account([item(0, 1000), item(1, 1300)], LINE_MM, [about(1304), about(996, 256)])

    assert found.fates == {0: "seen", 1: "seen"}
    assert found.verdicts == {0: 1, 1: 0}
    assert found.doubled == found.split == {}
    assert found.ghosts == []


def test_an_item_without_a_decision_is_missed() -> None:
    """Its neighbour's decision is not its own."""
    found = account([item(0, 1000), item(1, 1300)], LINE_MM, [about(1000)])

    assert found.fates == {0: "seen", 1: "missed"}


def test_a_second_decision_at_the_same_place_is_a_double() -> None:
    """The same thing was decided twice."""
    found = account([item(0, 1000)], LINE_MM, [about(1000), about(1006)])

    assert found.fates == {0: "seen"}
    assert found.doubled == {1: 0}
    assert not found.split


def test_a_second_decision_at_another_part_of_the_item_is_a_split() -> None:
    """Front and rear were taken for two items."""
    found = account([item(0, 1000)], LINE_MM, [about(970), about(1032)])

    assert found.fates == {0: "seen"}
    assert found.split == {1: 0}
    assert not found.doubled


def test_one_decision_in_the_middle_of_two_items_is_a_merger() -> None:
    """One behind the other, and side by side."""
    behind = account([item(0, 1000), item(1, 1120)], LINE_MM, [about(1060)])
    beside = account([item(0, 1000, 150), item(1, 1010, 250)], LINE_MM, [about(1005, 200)])

    assert sorted(behind.fates.values()) == sorted(beside.fates.values()) == ["merged", "seen"]
    assert set(behind.verdicts.values()) == set(beside.verdicts.values()) == {0}


def test_a_lone_decision_on_one_of_two_touching_items_is_about_both() -> None:
    """Wherever it took the middle to be; of two that lie apart it would be about one alone."""
    pair = [item(0, 1000, partner=1), item(1, 1095, partner=0)]

    touching = account(pair, LINE_MM, [about(1002)])
    apart = account([replace(item, partner=None) for item in pair], LINE_MM, [about(1002)])

    assert touching.fates == {0: "seen", 1: "merged"}
    assert apart.fates == {0: "seen", 1: "missed"}


def test_a_decision_where_nothing_lies_is_a_ghost() -> None:
    """Along the belt and across it."""
    found = account([item(0, 1000)], LINE_MM, [about(1000), about(1500), about(1000, 420)])

    assert found.ghosts == [1, 2]
    assert found.fates == {0: "seen"}


def test_nothing_at_all_is_everything_missed() -> None:
    """No decisions, no error; no items, nothing but ghosts."""
    assert account([item(0, 1000)], LINE_MM, []).fates == {0: "missed"}
    assert account([], LINE_MM, [about(5)]).ghosts == [0]
