"""The first chapters of a promotion demo: what must be known of a bundle before it may have capital."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from commands.demo_desk import DAYS, FIRST, SAMPLE, SECOND
from commands.demo_log import last_run
from commands.demo_story import PERSONS, Going, Story

SHADOWED: Final = 3  # manifests of the shadow: nine orders each, and its gates ask for twenty
SHADOW_S: Final = "240"  # it is ended earlier
NAMES: Final = (FIRST, SECOND)
QUIET: Final = ("--no-stress", "--no-tearsheet")


def research(story: Story) -> None:
    """Persons, two configs, their bundles, and research's manifests approved."""
    stage, desk = story.stage, story.desk
    stage.chapter(
        "research",
        "two persons make keys; two configs, the second at three quarters of the first's weights, become bundles",
    )
    persons = {}
    for name in PERSONS:
        text = stage.run("keys", "new", name, "--directory", desk.keys, "--json")
        persons[name] = json.loads(text)["public"]
    desk.write(persons)
    stage.run("config", "check", desk.config(FIRST), says=["has no problems"])
    for name in NAMES:
        text = stage.run("bundle", "create", desk.config(name), "--data", DAYS, show=["bundle   "], says=["written"])
        story.bundles[name] = text.split()[1]
    stage.run(
        "bundle",
        "diff",
        *(story.bundles[name][:16] for name in NAMES),
        "--lakehouse",
        desk.live,
        show=["changed", "winners"],
    )
    words = ("--config", desk.config(FIRST), "--key", PERSONS[0], "--directory", desk.keys)
    stage.run("approve", desk.manifests[0], *words, says=["VERIFIED"])
    stage.say(f"  (accelerated: sixteen days of research, {SAMPLE}, which is a sample; each is a source run with its own ledger)")


def backtest(story: Story) -> None:
    """Both bundles over recorded prices; what they show lets them shadow."""
    stage, desk = story.stage, story.desk
    stage.chapter("backtest", "the very file that will trade, over sixteen days of recorded quotes, under its bundle")
    prices = ("--data", f"replay_quotes:{SAMPLE / 'quotes.csv.gz'}", "--manifests", desk.manifest.parent / "manifests")
    for name in NAMES:
        held: tuple[str | Path, ...] = ("--bundle", story.bundles[name][:16], "--lakehouse", desk.evidence(name, "backtest"))
        told = ["equity ", "orders ", "costs ", "bundle "]
        stage.run("backtest", desk.config(name), *prices, *held, *QUIET, show=told, says=[story.bundles[name]])


def shadow(story: Story) -> None:
    """Both bundles beside each other on the live market, with simulated fills; a person approves what they traded, and each run
    is replayed.
    """
    stage, desk = story.stage, story.desk
    stage.chapter("shadow", "both bundles on the live market of a rehearsal exchange, fills simulated, a data directory each")
    story.open_exchange()
    runs = []
    desk.publish(0)
    story.published = 1
    for name in NAMES:
        held = ("--bundle", story.bundles[name][:16], "--lakehouse", desk.evidence(name, "shadow"), "--for", SHADOW_S)
        runs.append(Going(process=stage.start("shadow", desk.config(name), *held), directory=desk.evidence(name, "shadow")))
    for going in runs:
        story.first_cycle(going)
    for _ in range(SHADOWED - 1):
        story.publish(*runs)
        story.approve(FIRST)
    for going, name in zip(runs, NAMES, strict=True):
        stage.ended(going.process, show=["orders ", "plan #"])
        words: list[str | Path] = ["replay", last_run(going.directory) or "", "--lakehouse", going.directory]
        stage.run(*words, "--bundle", story.bundles[name][:16])
