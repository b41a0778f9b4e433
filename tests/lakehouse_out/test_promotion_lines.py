"""The promotion line in journal and ledger: what it may say, and that every reader of the record goes on with it."""

import json
from hashlib import sha256

import msgspec
import pytest
from msgspec.structs import replace

from commands.append_line import append_line
from commands.main import run
from lakehouse.layout import Layout
from lakehouse.opening import open_journal
from lakehouse.rebuild import LogFold, decode_line
from lakehouse.verifier import verify
from orders.errors import RecordCorrupt
from orders.promotion import FIRST_FOLLOWS, State
from tests.lakehouse_out.conftest import Lines
from tests.promotion.made import ANN, CANARY, CANDIDATE, SHADOW, START_NS, A, B, line_of, pause, promoted

GOLDEN = (
    b'{"type":"promotion","v":1,"seq":1,"ts_ns":1767693600000000000,"market_ns":1767693600000000000,"run_id":"promote-1",'
    b'"bundle_sha256":"' + A.encode() + b'","environment":"live-btc","action":"promote","from_state":null,'
    b'"to_state":"candidate","from_step":0,"to_step":0,"steps":["0.01","0.05","0.25","1"],"fraction":"0","previous":null,'
    b'"by":"ann","reason":"a test","code":null,"evidence_sha256":null,"gates_sha256":null,'
    b'"statement_sha256":"' + b"3" * 64 + b'","signers":["ann"],"follows":"' + b"0" * 64 + b'"}'
)  # fmt: skip


def test_the_line_is_written_as_it_ever_was_and_the_next_follows_these_bytes():
    line = replace(line_of(LogFold().promotions, CANDIDATE), seq=1)
    assert msgspec.json.encode(line) == GOLDEN
    fold = LogFold()
    fold.apply(decode_line(GOLDEN))
    assert fold.promotions.last_sha256 == sha256(GOLDEN).hexdigest()


@pytest.mark.parametrize(
    "wrong",
    [
        {"follows": "9" * 64}, {"from_state": "candidate"}, {"from_step": 1}, {"fraction": "0.05"}, {"fraction": "0.010"},
        {"previous": B}, {"by": " "}, {"reason": ""}, {"by": "engine"}, {"code": "GATE_FAILED"},
        {"by": "engine", "code": "GATE_FAILED"}, {"signers": ()}, {"signers": (ANN,)}, {"signers": (ANN, ANN)},
        {"statement_sha256": None}, {"evidence_sha256": None}, {"gates_sha256": None}, {"evidence_sha256": "../etc"},
        {"bundle_sha256": "A" * 64}, {"action": "go"}, {"to_state": "paper"}, {"steps": ("0.010", "1")}, {"to_step": 1},
    ],
    ids=[
        "follows another", "from another state", "from another step", "another fraction", "a fraction spelt otherwise",
        "another previous", "by nobody", "without a reason", "the engine without a code", "a code without the engine",
        "the engine raises capital", "signed by nobody", "signed by one", "signed twice by one", "signers of no statement",
        "without evidence", "without gates", "evidence that is no hash", "a bundle that is no hash", "an unknown action",
        "an unknown state", "steps spelt otherwise", "a step too far",
    ],
)  # fmt: skip
def test_a_line_that_cannot_follow_is_corrupt(wrong):
    fold = promoted(CANDIDATE, SHADOW)
    line = line_of(fold.promotions, CANARY)
    with pytest.raises(RecordCorrupt) as caught:
        fold.apply(replace(line, **wrong), seq=3)
    assert caught.value.code == "PROMOTION_ORDER"


def test_its_good_twin_is_taken():
    fold = promoted(CANDIDATE, SHADOW)
    fold.apply(line_of(fold.promotions, CANARY), seq=3)
    assert fold.promotions.current is not None


def test_the_engine_pauses_with_its_code_in_the_words():
    fold = promoted(CANDIDATE, SHADOW, CANARY)
    fold.apply(line_of(fold.promotions, pause(State.CANARY, 0), by="engine", code="LOSS_LIMIT", reason="day loss 2 %"), seq=4)
    assert fold.promotions.standings[A].paused == "LOSS_LIMIT: day loss 2 %"


def test_a_log_is_of_one_environment_whoever_comes_first():
    lines = Lines()
    fold = promoted(CANDIDATE)
    with pytest.raises(RecordCorrupt, match="ENVIRONMENT_MIXED"):
        fold.apply(lines.start(), seq=2)
    other = LogFold()
    other.apply(lines.start(), seq=1)
    with pytest.raises(RecordCorrupt, match="ENVIRONMENT_MIXED"):
        other.apply(line_of(other.promotions, CANDIDATE), seq=2)


@pytest.fixture
def recorded(record: Layout) -> Layout:
    """A run's whole record, and two promotions after it by a command."""
    for one in (CANDIDATE, SHADOW):
        promotions = open_fold(record).promotions
        append_line(record, line_of(promotions, one, environment="paper"))
    return record


def open_fold(layout: Layout) -> LogFold:
    journal = open_journal(layout, now_ns=START_NS, run_id="look", durable=False)
    journal.close()
    return journal.fold


def test_a_record_of_promotions_alone_verifies_before_any_run(tmp_path):
    layout = Layout(tmp_path / "lakehouse")
    append_line(layout, line_of(LogFold().promotions, CANDIDATE))
    report = verify(layout.directory)
    assert (report.ok, report.log_lines) == (True, 1)


def test_a_promotion_has_its_record_in_the_ledger_and_verifies(recorded):
    assert verify(recorded.directory).ok
    last = [json.loads(raw) for raw in recorded.ledger.read_bytes().splitlines()]
    bodies = [line["body"] for line in last if line["type"] == "PROMOTION"]
    assert [(body["to_state"], body["by"]) for body in bodies] == [("candidate", "ann"), ("shadow", "ann")]
    raw = recorded.log.read_bytes().splitlines()[bodies[1]["log_line"] - 1]
    assert bodies[1]["line_hash"] == sha256(raw).hexdigest()


def test_the_chain_of_promotions_starts_with_zeros_and_goes_on_with_the_bytes_before(recorded):
    lines = [raw for raw in recorded.log.read_bytes().splitlines() if b'"type":"promotion"' in raw]
    assert json.loads(lines[0])["follows"] == FIRST_FOLLOWS
    assert json.loads(lines[1])["follows"] == sha256(lines[0]).hexdigest()


def test_a_promotion_altered_in_the_journal_is_found(recorded):
    text = recorded.log.read_bytes()
    recorded.log.write_bytes(text.replace(b'"reason":"a test"', b'"reason":"b test"', 1))
    report = verify(recorded.directory)
    assert report.first_bad is not None


def test_rotation_carries_the_standings_over(recorded, capsys):
    before = open_fold(recorded).promotions
    assert run(["ledger", "rotate", "--lakehouse", str(recorded.directory)]) == 0
    capsys.readouterr()
    after = open_fold(recorded).promotions
    assert (after.standings, after.last_sha256) == (before.standings, before.last_sha256)
    assert verify(recorded.directory).ok


@pytest.mark.parametrize(
    "words",
    [["status"], ["trace", "run", "run-1"], ["verify"], ["bundle", "runs"], ["sentinel", "coverage"], ["report", "--json"]],
    ids=lambda words: words[0],
)
def test_a_command_that_reads_the_record_says_what_it_said_without_promotions(record, lines, capsys, words):
    command = [*words, "--lakehouse", str(record.directory)]
    code = run(command)
    said = capsys.readouterr()
    append_line(record, line_of(LogFold().promotions, CANDIDATE, environment="paper"))
    assert (run(command), code) == (code, code), said
    assert capsys.readouterr().err == said.err
