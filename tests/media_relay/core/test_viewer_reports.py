"""Pages without transport-wide feedback: receiver reports and REMB are all there is to go by."""

from __future__ import annotations

from media_relay.core.congestion import Trouble
from media_relay.core.report_judge import ReportJudge
from tests.link import Conditions
from tests.media_relay.core.bandwidth_lab import Lab, Session


def watched() -> tuple[Lab, Session]:
    lab = Lab(Conditions(delay=0.020))
    main = lab.join("main", feedback=False)
    lab.run(1)
    return lab, main


def report(lab: Lab, main: Session, loss: float, rtt: float, seconds: float) -> None:
    """A report a second, as browsers give them."""
    for _ in range(int(seconds)):
        lab.run(lab.now + 1)
        if lab.viewer.reported(main.member, loss, rtt, lab.now):
            lab.apply()


def test_reports_of_a_good_link_change_nothing() -> None:
    lab, main = watched()
    report(lab, main, 0.05, 0.050, 30)
    assert [rung for _, rung, _ in main.heard.rungs] == ["full"]


def test_a_queue_in_the_reports_lowers_the_picture_and_time_raises_it() -> None:
    lab, main = watched()
    report(lab, main, 0.0, 0.050, 3)
    report(lab, main, 0.0, 0.600, 2)
    assert main.heard.rungs[-1][1:] == ("middle", "congestion")
    report(lab, main, 0.0, 0.050, 20)
    assert main.heard.rungs[-1][1:] == ("full", "recovered")


def test_every_larger_picture_that_fails_is_tried_later() -> None:
    lab, main = watched()
    report(lab, main, 0.0, 0.050, 2)
    for _ in range(60):
        report(lab, main, 0.0, 0.700 if main.heard.rungs[-1][1] == "full" else 0.050, 2)
    tries = [at for at, rung, _ in main.heard.rungs if rung == "full"]
    waits = [later - earlier for earlier, later in zip(tries, tries[1:], strict=False)]
    assert len(waits) >= 2 and waits[-1] > 1.5 * waits[0], waits


def test_remb_says_what_may_be_sent() -> None:
    lab, main = watched()
    assert lab.viewer.remb(900_000, lab.now)
    lab.apply()
    assert main.heard.rungs[-1][1:] == ("middle", "congestion")
    lab.viewer.remb(5_000_000, lab.now)
    lab.run(lab.now + 5)
    assert main.heard.rungs[-1][1:] == ("full", "recovered")


def test_one_bad_report_is_none() -> None:
    judge = ReportJudge()
    assert judge.look(0.0, 0.05) is None
    assert judge.look(0.4, 0.05) is None
    assert judge.look(0.0, 0.60) is None
    assert judge.look(0.0, 0.05) is None
    assert judge.look(0.4, None) is None
    assert judge.look(0.4, None) is Trouble.LOSS
    assert judge.look(0.1, 0.60) is Trouble.CONGESTION
