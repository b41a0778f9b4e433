"""The later chapters of a promotion demo: capital in steps, what takes it away again, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from commands.demo_desk import FIRST, SECOND, VENUE
from commands.demo_log import count, lines
from commands.demo_stage import Backstage
from commands.demo_story import PERSONS, Going, Story

NOTIONAL: Final = "900000"  # armed a day: far more than a canary trades here
ARMED_H: Final = "1"
KILLS: Final = "2"  # a campaign kills for hours: docs/crash_campaign.md
LIVE_S: Final = "300"  # it is ended earlier
WORSE: Final = {"do": "fees", "maker": "0.03", "taker": "0.03"}  # thirty times what is assumed
BETTER: Final = {"do": "fees", "maker": "0.001", "taker": "0.001"}
STEP_DOWN_S: Final = 90.0
WORSE_MANIFESTS: Final = 3
ENVIRONMENT: Final = "SLUICE_ENV=live"


def candidates(story: Story) -> None:
    """Both bundles become candidates, and shadows by what their backtests show."""
    for name in (FIRST, SECOND):
        story.promote(name, "--to", "candidate", reason="begin")
        story.promote(name, "--to", "shadow", reason="its backtest holds")


def drills(story: Story) -> None:
    """This very code halts, and is killed, on a rehearsal venue of its own."""
    stage, desk = story.stage, story.desk
    stage.chapter("drills", "this very code is halted and killed, each at an exchange of its own; evidence is of the code")
    stage.run("halt", "--drill", "--by", PERSONS[0], "--directory", desk.drills / "halt", says=["passed"])
    stage.run("rehearse", "--crash-drill", "--kills", KILLS, "--directory", desk.drills / "crash", says=["passed"])


def canary(story: Story) -> None:
    """The first bundle gets one percent, on two persons' word, and trades it."""
    stage, desk = story.stage, story.desk
    stage.chapter("canary", "the first bundle: one percent of capital, on two persons' signatures, traded for an account's money")
    story.promote(FIRST, "--to", "canary", reason="shadow and drills hold", signatures=2)
    arming = ("--venue", VENUE, "--notional", NOTIONAL, "--hours", ARMED_H, "--by", PERSONS[0], "--directory", desk.keys)
    stage.run("arm", desk.config(FIRST), *arming)
    going = start_live(story, FIRST)
    story.publish(going, approved_by=FIRST)
    end_live(story, going)


def twin(story: Story) -> None:
    """The second bundle takes its place, with a twin beside it."""
    stage, desk = story.stage, story.desk
    stage.chapter("twin", "the second bundle takes its place at one percent; a twin trades the same orders at a simulated venue")
    story.promote(SECOND, "--to", "canary", reason="three quarters of the weights", signatures=2)
    going = start_live(story, SECOND)
    beside = start_twin(story)
    for _ in range(3):
        story.publish(going, approved_by=SECOND)
    end_live(story, going)
    stage.ended(beside, show=["twin  ", "compared", "orders"])
    held = ("--lakehouse", desk.live, "--gates", desk.gates(SECOND))
    stage.run("promote", "status", *held)


def ramp(story: Story) -> None:
    """A step up by evidence and two signatures, traded at once."""
    stage = story.stage
    stage.chapter("ramp", "the canary's own orders and the twin's let it step up, from one percent to five")
    story.promote(SECOND, "--step-up", reason="canary and twin hold", signatures=2)


def regression(story: Story) -> None:
    """The exchange becomes dear: the run steps itself down, and sells what is above its part by itself."""
    stage, desk = story.stage, story.desk
    stage.chapter("regression", "at five percent the exchange begins to charge thirty times the fee; nobody tells the run")
    story.going = going = start_live(story, SECOND)
    beside = start_twin(story)
    story.tell_exchange(WORSE)
    before = count(desk.live, "promotion", _by_engine)

    def stepped() -> bool:
        return count(desk.live, "promotion", _by_engine) > before

    for _ in range(WORSE_MANIFESTS):
        if not stepped():
            story.publish(going, approved_by=SECOND)
    stage.until("a step down by the engine", stepped, of=going.process, within_s=STEP_DOWN_S)
    line = [line for line in lines(desk.live) if line["type"] == "promotion"][-1]
    stage.say(f"  engine   {line['action']} to {line['fraction']} of equity: {line['code']}  {line['reason']}")
    stage.check("the engine took it down a step by itself", (line["action"], line["by"]) == ("step_down", "engine"), str(line))
    number = line["seq"]

    def sold() -> bool:
        """By a cycle of cause ramp, or by that of a manifest which came in the same second."""
        planned = {plan["cycle"] for plan in lines(desk.live) if plan["type"] == "plan" and plan["seq"] > number}
        return count(desk.live, "cycle_end", lambda ended: ended["cycle"] in planned and ended["outcome"] == "done") > 0

    stage.until("a cycle that sells what is above the step", sold, of=going.process, within_s=STEP_DOWN_S)
    stage.ended(beside, show=())
    story.tell_exchange(BETTER)


def rollback(story: Story) -> None:
    """Back to the first bundle in one command, and its targets traded through the gate."""
    stage, desk = story.stage, story.desk
    stage.chapter("rollback", "one command: it shows what that trades, ends the run that goes on, and moves the alias back")
    words = ("--config", desk.config(FIRST), "--by", PERSONS[1], "--reason", "the second costs too much", "--yes")
    stage.run("rollback", *words, says=["rollback", "forecast cost"])
    if story.going is not None:
        end_live(story, story.going, ask=False)
    going = start_live(story, FIRST)
    end_live(story, going)


def report(story: Story) -> None:
    """What is left: promotions, a report, a trace, a record that verifies."""
    stage, desk = story.stage, story.desk
    stage.chapter("report", "what is left of it, for whoever was not there")
    stage.run("promote", "log", "--lakehouse", desk.live)
    stage.run("report", "--lakehouse", desk.live, "--html", desk.directory / "report.html", says=["report.html"])
    fill = [line for line in lines(desk.live) if line["type"] == "fill"][-1]
    stage.run("trace", fill["client_order_id"], "--config", desk.config(FIRST))
    stage.run("verify", desk.live)


def start_live(story: Story, name: str) -> Going:
    """Start a live run and wait until it has traded what it found."""
    desk, stage = story.desk, story.stage
    before = count(desk.live, "cycle_end")
    held = ("--keys", desk.keys, "--gates", desk.gates(name), "--for", LIVE_S)
    process = stage.start("live", desk.config(name), *held, env=ENVIRONMENT)
    going = Going(process=process, directory=desk.live)
    what = f"orders under the {name} bundle"
    stage.until(what, lambda: count(desk.live, "cycle_end") > before, of=process, within_s=story.start_s)
    return going


def start_twin(story: Story) -> Backstage:
    """Start a twin beside the live run."""
    desk, stage = story.desk, story.stage
    place: Path = desk.evidence(SECOND, "twin")
    before = count(place, "run_start")
    process = stage.start("twin", desk.config(SECOND), "--of", desk.live, "--directory", place, "--for", LIVE_S)
    stage.until("a twin that follows", lambda: count(place, "run_start") > before, of=process, within_s=story.start_s)
    return process


def end_live(story: Story, going: Going, *, ask: bool = True) -> None:
    """End a live run in order, and show what it did. `ask` False: a command has ended it."""
    story.stage.ended(going.process, ask=ask, show=["plan #", "orders ", "ramp ", "GATE_FAILED"])


def _by_engine(line: dict[str, object]) -> bool:
    return line["by"] == "engine"
