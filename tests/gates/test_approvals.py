"""A gate on approvals of what a shadow traded: judged by the files beside the live record, as a live run would judge them."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from analysis.evidence import Evidence, gather
from analysis.gate_approvals import NAMED_MAX, Approvers, approved
from engine.run_config import load_config
from lakehouse.layout import Layout
from live.signing_keys import load_key
from orders.canonical import sha256_hex
from orders.gates import DAY_NS, Gate, GateResult, GatesFile, Verdict
from orders.promotion import STEPS
from sentinel.dsse import public_text
from sentinel.manifest_approval import ManifestApproval, approval_bytes
from tests.gates.made import BEGIN_NS, BUNDLE, CODE, Made, made_record
from tests.promotion.world import Promoting, promoting, sluice

D = Decimal
ANN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVE = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
PERSONS = {"ann": public_text(ANN.public_key())}
FIRST, SECOND = "00" * 32, "05" * 32  # the manifests of a record of two runs
SECOND_NS = BEGIN_NS + 5 * DAY_NS
NOW = BEGIN_NS + 10 * DAY_NS
APPROVERS = Approvers(environment="made", persons=PERSONS, revoked=frozenset(), age_max_ns=30 * DAY_NS)
OF_SECOND = ManifestApproval(manifest_sha256=SECOND, source_run="run", generated_ns=SECOND_NS, environment="made", by="ann")
OF_FIRST = ManifestApproval(manifest_sha256=FIRST, source_run="run", generated_ns=BEGIN_NS, environment="made", by="ann")
GATE = Gate(name="approved", metric="manifest_approved", source="shadow", at_least=D(1), min_days=D(5), moves=("canary",))


class Scene:
    """A shadow that accepted two manifests, of which a person approved the first."""

    def __init__(self, root: Path) -> None:
        self.shadow = made_record(root / "shadow", Made(approved=False))
        self.live = Layout(root / "live")
        self.live.create()
        self.sign(OF_FIRST)

    def put(self, data: bytes, *, manifest: str = SECOND) -> None:
        path = self.live.approval(manifest)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    def sign(self, approval: ManifestApproval = OF_SECOND, *, key: Ed25519PrivateKey = ANN, manifest: str = "") -> None:
        self.put(approval_bytes(approval, key=key), manifest=manifest or approval.manifest_sha256)

    def asked(self, approvers: Approvers | None = APPROVERS, *, gate: Gate = GATE, now_ns: int = NOW) -> Evidence:
        sources = {"shadow": self.shadow.directory, "canary": self.live.directory}
        file = GatesFile(sha256="9a" * 32, gates=(gate,), sources=sources, steps=STEPS, dwell_s=(0, 0, 0))
        return gather(file, bundle_sha256=BUNDLE, code_sha256=CODE, sources={}, move="canary", now_ns=now_ns, approvers=approvers)

    def result(self, approvers: Approvers | None = APPROVERS, *, gate: Gate = GATE, now_ns: int = NOW) -> GateResult:
        return self.asked(approvers, gate=gate, now_ns=now_ns).results[0]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_approval_that_came_after_the_shadow_traded_the_manifest_counts(scene: Scene) -> None:
    before = scene.result()
    assert (before.verdict, before.measured.value, before.never) == (Verdict.FAIL, D("0.5"), "")
    assert before.missing == (f"0.5 is not >= 1: {SECOND[:16]} no approval; `sluice approve MANIFEST` signs",)
    scene.sign()
    after = scene.result()
    assert (after.verdict, after.measured.words) == (Verdict.PASS, "2 of 2 manifests approved")
    assert after.measured.orders == 200


def _altered(scene: Scene) -> None:
    envelope = json.loads(approval_bytes(OF_SECOND, key=ANN))
    envelope["payload"] = envelope["payload"][:-8] + "fQ" + envelope["payload"][-6:]
    scene.put(json.dumps(envelope).encode())


def _linked(scene: Scene) -> None:
    elsewhere = scene.live.directory / "elsewhere.json"
    elsewhere.write_bytes(approval_bytes(OF_SECOND, key=ANN))
    scene.live.approval(SECOND).symlink_to(elsewhere)


def _as(**change: object) -> Callable[[Scene], None]:
    return lambda scene: scene.sign(
        ManifestApproval(**{name: getattr(OF_SECOND, name) for name in OF_SECOND.__struct_fields__} | change),  # type: ignore[arg-type]
        manifest=SECOND,
    )


def _by(**change: object) -> Approvers:
    return Approvers(**{name: getattr(APPROVERS, name) for name in APPROVERS.__struct_fields__} | change)  # type: ignore[arg-type]


BAD: dict[str, tuple[Callable[[Scene], None], Approvers, str, str]] = {
    "no file": (lambda scene: None, APPROVERS, "no approval", "0.5"),
    "an altered byte": (_altered, APPROVERS, "SIGNATURE_BAD", "0.5"),
    "a stranger's key under her name": (lambda scene: scene.sign(key=EVE), APPROVERS, "SIGNATURE_BAD", "0.5"),
    "another manifest's": (_as(manifest_sha256=FIRST), APPROVERS, "APPROVAL_FOREIGN", "0.5"),
    "of another run": (_as(source_run="other"), APPROVERS, "APPROVAL_FOREIGN", "0.5"),
    "of another stamp": (_as(generated_ns=SECOND_NS + 1), APPROVERS, "APPROVAL_FOREIGN", "0.5"),
    "of another environment": (_as(environment="other"), APPROVERS, "APPROVAL_FOREIGN", "0.5"),
    "a link": (_linked, APPROVERS, "NOT_A_FILE", "0.5"),
    "no envelope": (lambda scene: scene.put(b"{}"), APPROVERS, "ENVELOPE_MALFORMED", "0.5"),
    "her key revoked": (Scene.sign, _by(revoked=frozenset(PERSONS.values())), "KEY_REVOKED", "0"),
    "she is of the config no more": (Scene.sign, _by(persons={"bob": public_text(EVE.public_key())}), "SIGNER_UNKNOWN", "0"),
    "her key exchanged": (Scene.sign, _by(persons={"ann": public_text(EVE.public_key())}), "SIGNATURE_BAD", "0"),
    "the config is of another environment": (Scene.sign, _by(environment="other"), "APPROVAL_FOREIGN", "0"),
}


@pytest.mark.parametrize(("spoil", "approvers", "code", "value"), BAD.values(), ids=BAD)
def test_what_a_live_run_would_not_trade_on_is_no_approval(
    spoil: Callable[[Scene], None], approvers: Approvers, code: str, value: str, scene: Scene
) -> None:
    spoil(scene)
    result = scene.result(approvers)
    assert (result.verdict, result.measured.value) == (Verdict.FAIL, D(value))
    assert f"{SECOND[:16]} {code}" in result.missing[0]


def test_it_is_told_while_there_are_still_too_few_days_for_a_verdict(scene: Scene) -> None:
    """After them the manifest would be too old to be approved."""
    few = Gate(name="approved", metric="manifest_approved", source="shadow", at_least=D(1), min_days=D(30), moves=("canary",))
    result = scene.result(gate=few)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert [words.partition(":")[0] for words in result.missing] == ["20 more days", "0.5 is not >= 1"]
    scene.sign()
    assert scene.result(gate=few).missing == ("20 more days",)


def test_a_manifest_too_old_to_be_approved_makes_the_gate_one_that_is_never_met(scene: Scene) -> None:
    last = SECOND_NS + APPROVERS.age_max_ns
    assert scene.result(now_ns=last).never == ""
    never = scene.result(now_ns=last + 1)
    assert never.verdict is Verdict.FAIL
    assert never.never.startswith(f"0.5 is the most it can still be, 1 is asked: {SECOND[:16]} no approval and too old now")
    half = Gate(name="approved", metric="manifest_approved", source="shadow", at_least=D("0.5"), moves=("canary",))
    assert (scene.result(gate=half, now_ns=last + 1).verdict, scene.result(gate=half, now_ns=last + 1).never) == (
        Verdict.PASS,
        "",
    )
    scene.sign()
    assert scene.result(now_ns=last + 1).verdict is Verdict.PASS


def test_evidence_names_every_approval_by_its_hash_and_is_the_same_twice(scene: Scene) -> None:
    scene.sign()
    evidence = scene.asked()
    assert evidence.sha256 == scene.asked().sha256
    (facts,) = json.loads(evidence.data())["sources"]
    assert [(one["manifest_sha256"], one["by"], one["key"]) for one in facts["approvals"]] == [
        (FIRST, "ann", PERSONS["ann"]), (SECOND, "ann", PERSONS["ann"]),
    ]  # fmt: skip
    files = [scene.live.approval(one) for one in (FIRST, SECOND)]
    assert [one["approval_sha256"] for one in facts["approvals"]] == [sha256_hex(path.read_bytes()) for path in files]
    files[1].write_bytes(files[1].read_bytes() + b"\n")
    other = scene.asked()
    assert (other.results[0].verdict, other.sources[0].approvals_sha256 == facts["approvals_sha256"]) == (Verdict.PASS, False)


def test_of_very_many_approvals_the_newest_are_listed_and_all_are_in_the_hash(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.approval("a").parent.mkdir()
    manifests = [(f"{number:064x}", "run", number + 1) for number in range(NAMED_MAX + 2)]
    for sha256, source_run, generated_ns in manifests:
        one = ManifestApproval(
            manifest_sha256=sha256, source_run=source_run, generated_ns=generated_ns, environment="made", by="ann"
        )
        layout.approval(sha256).write_bytes(approval_bytes(one, key=ANN))
    known = approved(manifests, layout=layout, approvers=APPROVERS, now_ns=1)
    assert [len(known.seen), len(known.named), known.lacking] == [NAMED_MAX + 2, NAMED_MAX, ()]
    assert known.named[-1].manifest_sha256 == manifests[-1][0]
    assert known.sha256 != approved(manifests[1:], layout=layout, approvers=APPROVERS, now_ns=1).sha256


def test_without_a_config_nobody_knows_whose_approvals_count(scene: Scene) -> None:
    result = scene.result(None)
    assert (result.verdict, result.never) == (Verdict.INCONCLUSIVE, "")
    assert "--config" in result.missing[0]


# --- by command ---

ASKED = """
[gates.approved]
metric = "manifest_approved"
source = "shadow"
at_least = "1"
min_days = "0"
min_orders = 0
min_notional_base = "0"
moves = ["canary"]
dry_run = false
while_running = false
"""


def _shadowed(made: Promoting, *, begin_ns: int) -> None:
    made.gates.write_text(made.gates.read_text() + ASKED)
    shadow = Made(bundle=made.bundle, environment="live-shadow", runs=1, days=D("0.01"), begin_ns=begin_ns, approved=False)
    made_record(made.root / "shadow", shadow)


def test_a_bundle_enters_canary_once_a_person_of_the_config_has_approved_what_its_shadow_traded(tmp_path: Path) -> None:
    made = promoting(tmp_path)
    made.moved("--to", "candidate")
    made.moved("--to", "shadow")
    begin_ns = time.time_ns() - 3_600 * 10**9
    _shadowed(made, begin_ns=begin_ns)
    source = ("--source", f"shadow={made.root / 'shadow'}")
    code, said = made.promote("--to", "canary", *source)
    assert (code, "FAIL          approved" in said, f"{FIRST[:16]} no approval" in said) == (3, True, True), said
    environment = load_config(made.config).environment
    approval = ManifestApproval(manifest_sha256=FIRST, source_run="run", generated_ns=begin_ns, environment=environment, by="bob")
    path = made.layout.approval(FIRST)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(approval_bytes(approval, key=load_key("bob", directory=made.keys)))
    asked = ("promote", "status", "--lakehouse", made.layout.directory, "--gates", made.gates, *source)
    code, said = sluice(*asked)
    assert (code, "name the run config with --config" in " ".join(said.split())) == (0, True), said
    code, said = sluice(*asked, "--config", made.config)
    assert (code, "2 of 2 gates pass, 0 fail: ready" in said) == (0, True), said
    made.moved("--to", "canary", *source)
    assert made.promotions.current is not None
