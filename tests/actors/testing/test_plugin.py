"""The pytest plugin, seen from a project that has installed it."""

import re

import pytest

pytest_plugins = ["pytester"]

RACE = """
    import pytest
    import trio

    @pytest.mark.schedules(300)
    async def test_one_probe():
        probing = False
        probes = 0

        async def ask(after):
            nonlocal probing, probes
            for _ in range(after):
                await trio.lowlevel.checkpoint()
            if not probing:
                await trio.lowlevel.checkpoint()
                probing = True
                probes += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, 0)
            nursery.start_soon(ask, 3)
        assert probes == 1, "probed twice"
"""

SOUND = """
    import pytest
    import trio

    @pytest.mark.schedules
    async def test_two_tasks():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)
            nursery.start_soon(trio.sleep, 1)
"""


def test_the_marker_alone_explores_an_async_test(pytester: pytest.Pytester) -> None:
    """No mode, no other marker: 300 schedules, and a line at the end that says so."""
    pytester.makepyfile(SOUND)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"schedules: 1 test, 300 schedules, [\d,]+/s, 0 exhausted"])


def test_a_failure_is_the_tests_own_with_the_line_that_replays_it(
    pytester: pytest.Pytester,
) -> None:
    """The assertion's message, where it stands, and below it the story of the schedule."""
    pytester.makepyfile(RACE)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r'>\s+assert probes == 1, "probed twice"',
            r"E\s+AssertionError: probed twice",
            r"E\s+assert 2 == 1",
            r"E\s+Failed on schedule \d+ \((random|pct)\S+\), shrunk from .* in \d+ replays\.",
            r"E\s+pytest --schedule-replay 's0:[\d=,]+' -k test_one_probe$",
            r"E\s+\d+\s+0\s+#1 ask  from test_\w+\.py:\d+ in ask",
            r"E\s+\* #2 ask goes before #1 ask \(decision \d+=1\)",
        ]
    )
    result.stdout.no_fnmatch_line("*actors/testing*")
    result.stdout.no_fnmatch_line("*_run.py*")


def test_the_printed_line_replays_the_failure(pytester: pytest.Pytester) -> None:
    """Pasted, it fails again at once, with every step of the trace."""
    pytester.makepyfile(RACE)
    printed = pytester.runpytest_inprocess().stdout.str()
    line = re.search(r"pytest --schedule-replay '(\S+)' -k (\w+)$", printed, re.MULTILINE)
    assert line is not None
    result = pytester.runpytest_inprocess("--schedule-replay", line[1], "-k", line[2])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: probed twice", "*Replayed.", "*goes before*"])
    result.stdout.re_match_lines([r"schedules: 1 test, 1 schedule, .*"])


def test_a_passing_replay_shows_its_trace_on_demand(pytester: pytest.Pytester) -> None:
    """After the repair the steps can still be read, and a token that no longer fits is named."""
    pytester.makepyfile(SOUND)
    result = pytester.runpytest_inprocess("--schedule-replay", "s0:40=1", "-rP")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["The token asks for more*", "*#0 main*"])


def test_a_seed_runs_one_schedule(pytester: pytest.Pytester) -> None:
    """The seed in a failure finds it at once; the marker's number does not matter."""
    pytester.makepyfile(RACE)
    printed = pytester.runpytest_inprocess().stdout.str()
    seed = re.search(r"schedule \d+ \((\S+)\)", printed)
    assert seed is not None
    result = pytester.runpytest_inprocess("--schedule-seed", seed[1])
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r"schedules: 1 test, 1 schedule, .*"])


def test_no_schedules_are_the_plain_order(pytester: pytest.Pytester) -> None:
    """``--schedules 0`` runs each marked test once, first come, first served."""
    pytester.makepyfile(RACE)
    result = pytester.runpytest_inprocess("--schedules", "0")
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"schedules: 1 test, 1 schedule, .*"])


def test_the_command_line_goes_before_the_marker(pytester: pytest.Pytester) -> None:
    """A nightly run asks for more, or for as many as there is time for."""
    pytester.makepyfile(SOUND)
    result = pytester.runpytest_inprocess("--schedules", "500", "--schedule-seed", "17")
    result.stdout.re_match_lines([r"schedules: 1 test, 500 schedules, .*"])
    result = pytester.runpytest_inprocess("--schedule-seconds", "0")
    result.stdout.re_match_lines([r"schedules: 1 test, 1 schedule, .*"])


def test_exhausted_tests_are_counted(pytester: pytest.Pytester) -> None:
    """A dfs test that ran every schedule within its bound is named as such."""
    pytester.makepyfile(SOUND.replace("schedules\n", "schedules(strategy='dfs', delays=3)\n"))
    result = pytester.runpytest_inprocess()
    result.stdout.re_match_lines([r"schedules: 1 test, \d+ schedules, [\d,]+/s, 1 exhausted"])


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (("--schedule-seed", "fuzz:1"), "*'fuzz:1' is not a schedule seed*"),
        (("--schedule-replay", "12=1"), "*'12=1' is not a schedule token*"),
        (("--schedules", "many"), "*'many' is not a number of schedules*"),
        (("--schedule-seconds", "long"), "*'long' is not a number of seconds*"),
    ],
)
def test_a_bad_option_is_refused(
    pytester: pytest.Pytester, option: tuple[str, str], complaint: str
) -> None:
    """It is a mistake in the use of pytest, told before any test runs."""
    result = pytester.runpytest_inprocess(*option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_a_bad_marker_is_refused(pytester: pytest.Pytester) -> None:
    """A mistyped argument fails the test it marks, in one line."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.schedules(strategy="fuzz")
        async def test_strategy(): ...

        @pytest.mark.schedules(races=1)
        async def test_argument(): ...
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "@pytest.mark.schedules: unknown strategy 'fuzz'*",
            "@pytest.mark.schedules: *unexpected keyword argument 'races'",
        ]
    )


def test_trio_fixtures_are_fresh_for_each_schedule(pytester: pytest.Pytester) -> None:
    """Set up and torn down around every run, in one order; a plain fixture is made once."""
    pytester.makepyfile(
        """
        import pytest
        import trio

        made = []

        @pytest.fixture
        def plain():
            made.append("plain")
            return made

        @pytest.fixture
        async def store(plain):
            plain.append("store")
            yield {}
            plain.append("closed")

        @pytest.fixture
        async def reader(store, nursery):
            nursery.start_soon(trio.sleep_forever)
            return store

        @pytest.fixture
        async def writer(store):
            await trio.sleep(1)
            return store

        @pytest.mark.schedules(20)
        async def test_them(reader, writer, nursery, plain):
            assert reader is writer and not reader
            reader["used"] = True
            nursery.start_soon(trio.sleep_forever)

        def test_afterwards():
            # the plain order runs twice, to see whether it is reproducible
            assert made == ["plain"] + ["store", "closed"] * 21
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*not reproducible*")


def test_clock_fixtures_are_the_clock_of_the_schedule(pytester: pytest.Pytester) -> None:
    """``autojump_clock`` starts at nought each time; ``mock_clock`` moves only when told."""
    pytester.makepyfile(
        """
        import pytest
        import trio

        @pytest.mark.schedules(20)
        async def test_autojump(autojump_clock):
            assert trio.lowlevel.current_clock() is autojump_clock
            await trio.sleep(60)
            assert autojump_clock.current_time() == 60

        @pytest.fixture
        async def late(mock_clock):
            mock_clock.jump(5)
            return mock_clock

        @pytest.mark.schedules(20)
        async def test_by_hand(late, mock_clock):
            assert late is mock_clock
            assert trio.current_time() == 5
            with trio.move_on_after(1) as scope:
                await trio.testing.wait_all_tasks_blocked()
                mock_clock.jump(2)
                await trio.sleep_forever()
            assert scope.cancelled_caught

        @pytest.mark.schedules(20)
        async def test_stuck(mock_clock):
            await trio.sleep(9)
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*Deadlock*9 s away on a clock that only the test moves*"])


def test_errors_of_fixtures_and_of_background_tasks_fail_the_test(
    pytester: pytest.Pytester,
) -> None:
    """As under pytest-trio: what crashes beside the test is what the test fails with."""
    pytester.makepyfile(
        """
        import pytest
        import trio

        async def crash():
            await trio.sleep(1)
            raise LookupError("in the background")

        @pytest.fixture
        async def broken():
            raise LookupError("at set-up")

        @pytest.fixture
        async def crashing(nursery):
            nursery.start_soon(crash)

        @pytest.mark.schedules(3)
        async def test_broken(broken): ...

        @pytest.mark.schedules(3)
        async def test_crashing(crashing):
            await trio.sleep_forever()
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*LookupError: at set-up", "*LookupError: in the background"])


def test_a_deadlock_is_told_without_a_traceback(pytester: pytest.Pytester) -> None:
    """Who waits where is the story; the explorer's own frames are not."""
    pytester.makepyfile(
        """
        import pytest
        import trio

        @pytest.mark.schedules(5)
        async def test_forgotten():
            await trio.Event().wait()
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Deadlock: nothing can run*",
            "*#0 main waits at test_*.py:6 in test_forgotten",
            "*'s0:'*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_skips_and_expected_failures_are_no_findings(pytester: pytest.Pytester) -> None:
    """pytest's own outcomes mean in a marked test what they mean in any other."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.schedules
        async def test_skip():
            pytest.skip("not here")

        @pytest.mark.schedules
        async def test_xfail():
            pytest.xfail("known")

        @pytest.mark.xfail(raises=LookupError, strict=True)
        @pytest.mark.schedules
        async def test_raises():
            raise LookupError

        @pytest.mark.schedules
        async def test_fail():
            pytest.fail("for a reason")
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(skipped=1, xfailed=2, failed=1)
    result.stdout.fnmatch_lines(["*Failed: for a reason"])


def test_methods_and_parameters_work_as_ever(pytester: pytest.Pytester) -> None:
    """A parametrized test's replay line names the one that failed, quoted for the shell."""
    pytester.makepyfile(
        """
        import pytest

        class TestThem:
            @pytest.mark.parametrize("letter", ["a", "b", "c d"])
            @pytest.mark.schedules(5)
            async def test_letter(self, letter):
                assert letter == "a"
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*--schedule-replay 's0:' -k 'test_letter[[]b]'", "*'s0:' -k test_letter"]
    )


def test_only_an_async_test_can_be_marked(pytester: pytest.Pytester) -> None:
    """On a plain test the marker is a mistake; on a module with plain tests in it, it is not."""
    pytester.makepyfile(
        test_module="""
        import pytest
        pytestmark = pytest.mark.schedules(5)
        def test_plain(): ...
        async def test_async(): ...
        """,
        test_function="""
        import pytest
        @pytest.mark.schedules(5)
        def test_marked(): ...
        """,
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["a test marked schedules must be an async def"])


def test_a_test_that_no_schedule_determines_is_named(pytester: pytest.Pytester) -> None:
    """It passes, and the end of the run says that its schedules mean little."""
    pytester.makepyfile(
        """
        import itertools
        import pytest
        import trio

        runs = itertools.count()

        @pytest.mark.schedules(3)
        async def test_moody():
            for _ in range(next(runs)):
                await trio.sleep(1)
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["schedules: not reproducible: test_*::test_moody"])


def test_pytest_trio_is_not_needed(pytester: pytest.Pytester) -> None:
    """Without it there are no trio fixtures, and all else is the same."""
    pytester.makepyfile(SOUND)
    result = pytester.runpytest_inprocess("-p", "no:trio", "--strict-markers")
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"schedules: 1 test, 300 schedules, .*"])


def test_a_changed_trio_fails_marked_tests_and_no_others(pytester: pytest.Pytester) -> None:
    """If trio stops to ask who goes next, nothing explored means anything, and it is said."""
    pytester.makeconftest(
        """
        # Stands for a release of trio that never asks: in a process of its own.
        import contextlib
        import actors.testing.run
        actors.testing.run.scheduling = lambda split: contextlib.nullcontext()
        """
    )
    pytester.makepyfile(SOUND + "\n    def test_plain(): ...\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["trio * changed its scheduler: instead of 1,680 orders*"])
