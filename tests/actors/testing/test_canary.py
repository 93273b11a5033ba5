"""The canary: a trio that schedules differently is found out by counting."""

import pytest
import trio

from actors.testing import Report, explore
from actors.testing.canary import SchedulerChanged, check_scheduler, scheduler_fault


def test_this_trio_can_be_scheduled() -> None:
    """Three tasks of three steps reach all 1,680 orders, each in one schedule."""
    assert scheduler_fault() is None


def test_a_trio_that_no_longer_asks_is_found_out() -> None:
    """If no decision ever reaches the explorer, one order is all there is."""

    def deaf(program, /, **_: object) -> Report:
        return explore(program, schedules=1)

    with pytest.raises(SchedulerChanged) as caught:
        check_scheduler(deaf)
    assert f"trio {trio.__version__} changed its scheduler" in str(caught.value)
    assert "1,680" in str(caught.value)
    assert "1 orders in 1 schedules" in str(caught.value)


def test_a_trio_that_asks_too_often_is_found_out() -> None:
    """Reaching every order is not enough: each must be a schedule of its own."""

    def chatty(program, /, *, schedules: int, **options: object) -> Report:
        explore(program, schedules=schedules, **options)
        return explore(program, schedules=schedules, delays=1, strategy="dfs")

    with pytest.raises(SchedulerChanged, match="1,680 orders in"):
        check_scheduler(chatty)


def test_a_trio_without_its_private_parts_is_found_out() -> None:
    """A name that is gone is an error in the exploration, and told as a change of trio."""

    def bereft(program, /, **_: object) -> Report:
        raise AttributeError("module 'trio._core._run' has no attribute '_r'")

    with pytest.raises(SchedulerChanged, match="no attribute '_r'"):
        check_scheduler(bereft)
