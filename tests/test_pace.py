"""One thread instead of a team that does not get its cores: the policy, in made-up times."""

import pytest

from lamella import _core


class Machine:
    """Replays take these seconds a unit of work; ``pace`` decides by how many threads."""

    def __init__(self, team, alone, work=1.0):
        self.team, self.alone, self.work = team, alone, work
        self.pace = _core.Pace()

    def run(self, replays, wanted=2):
        """How many threads each replay had."""
        used = []
        for _ in range(replays):
            threads = self.pace.choose(wanted)
            seconds = (self.team if threads > 1 else self.alone) * self.work
            self.pace.note(threads, seconds, self.work)
            used.append(threads)
        return used


def test_a_free_machine_keeps_its_team():
    used = Machine(team=1e-3, alone=2e-3).run(5000)
    assert used[:8] == [2] * 8
    assert used[8] == 1  # a trial
    assert used.count(1) == 5


def test_one_thread_needs_no_pace():
    assert Machine(team=1e-3, alone=2e-3).run(10, wanted=1) == [1] * 10


def test_a_team_that_loses_from_the_start_is_noticed():
    used = Machine(team=3e-3, alone=2e-3).run(300)
    assert used.count(1) > 0.9 * len(used[12:])


def test_a_busy_core_is_noticed_and_forgotten():
    machine = Machine(team=1e-3, alone=2e-3)
    machine.run(20)
    machine.team = 8e-3
    busy = machine.run(300)
    assert busy[:4] == [2, 2, 2, 1]  # three in a row, not one
    assert busy.count(1) > 0.9 * len(busy)
    assert busy.count(2) > 5  # the team is tried again and again
    machine.team = 1e-3
    free = machine.run(100)
    assert free[50:] == [2] * 50


def test_a_slow_replay_now_and_then_changes_nothing():
    machine = Machine(team=1e-3, alone=2e-3)
    machine.run(20)
    for _ in range(50):
        assert set(machine.run(5)) == {2}
        machine.team = 9e-3
        assert machine.run(2) == [2, 2]
        machine.team = 1e-3


@pytest.mark.parametrize("work", [1e3, 1e9])
def test_batches_of_other_sizes_are_compared_by_their_work(work):
    machine = Machine(team=1e-12, alone=2e-12, work=work)
    machine.run(10)
    for factor in (1, 100, 1, 0.01, 1):
        machine.work = work * factor
        assert set(machine.run(10)) == {2}


def test_long_replays_come_back_to_the_team():
    machine = Machine(team=2.0, alone=0.4)
    assert machine.run(100).count(2) > 15
