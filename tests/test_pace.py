"""One thread instead of a team that does not get its cores: the policy, in made-up times."""

import pytest

from lamella import _core


class Machine:
    """Replays take these seconds a unit of work; ``pace`` decides by how many threads."""

    def __init__(self, team, alone, work=1.0):
        self.team, self.alone, self.work = team, alone, work
        self.now = 1000.0
        self.pace = _core.Pace()

    def run(self, replays, wanted=2):
        """How many threads each replay had."""
        used = []
        for _ in range(replays):
            threads = self.pace.choose(wanted, self.now)
            seconds = (self.team if threads > 1 else self.alone) * self.work
            self.now += seconds
            self.pace.note(threads, self.now, seconds, self.work)
            used.append(threads)
        return used


def test_a_free_machine_keeps_its_team():
    used = Machine(team=1e-3, alone=2e-3).run(5000)
    assert used[:8] == [2] * 8
    assert used[8] == 1  # a trial
    assert 8 <= used.count(1) <= 12  # two a second


def test_a_team_that_loses_from_the_start_is_noticed():
    used = Machine(team=3e-3, alone=2e-3).run(1000)
    assert used.count(1) > 0.9 * len(used)


def test_a_busy_core_is_noticed_and_forgotten():
    machine = Machine(team=1e-3, alone=2e-3)
    machine.run(20)
    machine.team = 8e-3
    busy = machine.run(2000)
    assert busy[:5] == [2, 2, 2, 2, 1]  # four of eight
    assert busy.count(1) > 0.9 * len(busy)
    assert busy[1000:].count(2) > 2  # the team is tried again and again
    machine.team = 1e-3
    machine.now += 1
    assert machine.run(500).count(2) >= 498


def test_one_trial_beside_a_busy_core_does_not_count_for_long():
    machine = Machine(team=1e-3, alone=2e-3)
    machine.run(20)
    machine.team, machine.alone = 8e-3, 40e-3
    machine.run(70)
    machine.alone = 2e-3
    assert machine.run(1000).count(1) > 800


def test_losing_every_other_time_is_losing():
    machine = Machine(team=1e-3, alone=2e-3)
    machine.run(20)
    used = []
    for replay in range(600):
        machine.team = (1e-3, 9e-3)[replay % 2]
        used += machine.run(1)
    assert used.count(1) > 0.7 * len(used)


def test_a_slow_replay_now_and_then_changes_little():
    machine = Machine(team=1e-3, alone=2e-3)
    machine.run(20)
    used = []
    for _ in range(50):
        machine.team = 1e-3
        used += machine.run(6)
        machine.team = 9e-3
        used += machine.run(2)
    assert used.count(1) <= 3  # trials


def test_bursts_after_a_pause_have_their_team():
    # The first replays after a pause are slow: sleeping threads, cold caches.
    machine = Machine(team=1e-3, alone=2e-3)
    machine.run(20)
    used = []
    for _ in range(20):
        machine.now += 2
        machine.team = 5e-3
        used += machine.run(2)
        machine.team = 1e-3
        used += machine.run(10)
    assert used.count(1) <= 4  # trials


@pytest.mark.parametrize("work", [1e3, 1e9])
def test_batches_of_other_sizes_are_compared_by_their_work(work):
    machine = Machine(team=1e-12, alone=2e-12, work=work)
    machine.run(10)
    for factor in (1, 100, 1, 0.01, 1):
        machine.work = work * factor
        assert machine.run(10) == [2] * 10


def test_long_replays_come_back_to_the_team():
    assert Machine(team=2.0, alone=0.4).run(100).count(2) > 15
