"""An index of the platform's contracts: what holds each of them, test by test; a test that is named and gone fails here.

`a` are the sixteen contracts an execution engine must honour with the platform's files, `b` the twenty mistakes of the platform's
own execution code that it must not repeat.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

CONTRACTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a1": (
        "every shape by content, at every place; the newest stamp counts and the other is logged",
        (
            "lakehouse_in/test_platform_goldens.py::test_each_is_told_by_its_content",
            "lakehouse_in/test_shapes.py::test_a_shape_is_told_by_content",
            "lakehouse_in/test_newest_manifest.py::test_the_newest_stamp_counts_and_the_older_file_is_noted",
            "lakehouse_in/test_newest_manifest.py::test_the_same_stamp_on_different_bytes_is_refused",
            "sim/test_shapes_traded.py::test_the_older_of_two_places_is_left_alone_and_the_log_says_so",
        ),
    ),
    "a2": (
        "a tolerant reader and a strict decision: NaN, extra and missing columns pass, a row without a weight blocks its winner",
        (
            "lakehouse_in/test_manifest.py::test_the_good_manifest_is_accepted_for_rank_one",
            "lakehouse_in/test_manifest.py::test_a_row_with_one_meaning_is_accepted",
            "lakehouse_in/test_manifest.py::test_a_winner_that_contradicts_itself_refuses_the_manifest_only_where_it_has_capital",
            "lakehouse_in/test_shape_mutations.py::test_writing_it_otherwise_keeps_the_meaning",
        ),
    ),
    "a3": (
        "the signed target is Net_Weight, or Weight with Direction; contradictions refuse the winner",
        (
            "lakehouse_in/test_manifest.py::test_a_winner_that_contradicts_itself_refuses_the_manifest_only_where_it_has_capital",
            "lakehouse_in/test_manifest.py::test_the_renormalised_manifest_is_refused",
            "lakehouse_in/test_shapes.py::test_a_flattened_row_that_contradicts_itself_refuses_its_profile",
            "lakehouse_in/test_platform_goldens.py::test_c2_is_refused_for_its_renormalised_weights",
        ),
    ),
    "a4": (
        "atoms are flattened by suffix in v2 mode only, underscores of exchanges stay, meta files need their sleeves' evidence",
        (
            "lakehouse_in/test_platform_goldens.py::test_c3_flattens_by_suffix",
            "lakehouse_in/test_platform_goldens.py::test_c3_is_refused_unless_raw_v2_is_asked_for",
            "lakehouse_in/test_shapes.py::test_an_atom_is_split_behind_the_colon",
            "lakehouse_in/test_shapes.py::test_a_meta_portfolio_without_evidence_needs_an_opt_in",
            "lakehouse_in/test_shapes.py::test_sleeves_that_say_otherwise_refuse_a_meta_portfolio_always",
        ),
    ),
    "a5": (
        "capital by winner is explicit, netted before rounding, attributed, keyed by engine and profile",
        (
            "lakehouse_in/test_platform_goldens.py::test_c1_nets_btc_over_winners",
            "planner/test_attribution.py::test_winners_are_netted_before_rounding",
            "planner/test_attribution.py::test_what_winners_cancel_out_is_said",
            "planner/test_attribution.py::test_parts_of_a_fill_sum_to_it_exactly",
            "planner/test_attribution.py::test_rank_does_not_change_whose_share_it_is",
        ),
    ),
    "a6": (
        "no winners, half a file, no file, a stale file: hold and alarm; a flatten is a named person's command",
        (
            "lakehouse_in/test_manifest.py::test_what_may_become_right_by_itself_is_held",
            "lakehouse_in/test_manifest.py::test_a_good_manifest_cut_anywhere_is_held",
            "lakehouse_in/test_manifest.py::test_all_targets_zero_is_held_and_never_a_flatten",
            "parity/test_live_shadow.py::test_a_half_written_manifest_holds_until_it_is_whole",
            "parity/test_live_shadow.py::test_what_is_no_manifest_is_refused_and_changes_nothing_held",
            "flatten/test_command.py::test_journal_and_ledger_say_who_and_why_as_a_persons_action",
        ),
    ),
    "a7": (
        "naive stamps are read in a configured zone, in both forms; one from the future holds",
        (
            "lakehouse_in/test_upstream_time.py::test_a_stamp_is_read_in_its_zone",
            "lakehouse_in/test_manifest.py::test_both_forms_of_a_stamp_are_read",
            "lakehouse_in/test_manifest.py::test_age_is_counted_in_market_time",
        ),
    ),
    "a8": (
        "run ids are checked before they are paths, the run's ledger is verified, the sha256 of what was consumed is recorded",
        (
            "lakehouse_in/test_provenance.py::test_a_name_that_is_no_run_id_never_reaches_the_disk",
            "lakehouse_in/test_provenance.py::test_one_missing_sign_holds_the_grade_down_and_is_named",
            "lakehouse_in/test_ledger_faults.py::test_a_known_fault_is_called_by_its_name_and_breaks_the_run",
            "contracts/test_runs.py::test_every_line_of_an_order_names_the_bytes_and_the_run_it_comes_from",
        ),
    ),
    "a9": (
        "the worse regime of manifest and regime log counts, unknown is a crisis, so is the quadrant",
        (
            "lakehouse_in/test_regime_audit.py::test_the_freshest_line_up_to_the_instant_counts",
            "lakehouse_in/test_regime_audit.py::test_a_log_that_cannot_be_believed_is_a_crisis",
            "engine/test_regime_watch.py::test_a_backtest_is_judged_by_the_worse_of_both_as_of_market_time",
            "engine/test_regime_watch.py::test_a_shadow_sees_a_line_written_after_the_manifest_was_read",
            "sentinel/test_regime.py::test_the_table",
        ),
    ),
    "a10": (
        "limits come from the venue or the symbol is refused; truncation toward zero; floors on the order, not on the target",
        (
            "orders/test_sizing.py::test_floored_exactly_as_fractions_say",
            "config/test_snapshots.py::test_unusable_limits_leave_their_symbol_without_any",
            "planner/test_planner.py::test_dust_says_below_floor",
            "planner/test_planner.py::test_dust_that_stays_says_below_floor_and_its_value",
            "contracts/test_planning.py::test_a_floor_is_asked_of_the_order_and_never_sells_what_is_held",
        ),
    ),
    "a11": (
        "a position that cannot be read is not a flat book; nothing trades without positions, cash and prices",
        (
            "conformance/test_facade.py::test_a_position_without_a_fresh_price_is_an_error_and_not_a_flat_book",
            "orders/test_valuation.py::test_a_book_that_cannot_be_valued_is_held",
            "conformance/test_order_plan.py::test_a_book_that_cannot_be_valued_holds",
        ),
    ),
    "a12": (
        "the state file: three dialects and empty rows are read, ours is written whole after fills, theirs is kept",
        (
            "lakehouse_out/test_platform_state.py::test_the_golden_file_is_read_with_every_side_and_the_empty_row_warns",
            "lakehouse_out/test_platform_state.py::test_writing_ours_leaves_the_golden_bytes_of_theirs",
            "lakehouse_out/test_state.py::test_any_json_object_of_others_survives",
            "lakehouse_out/test_state.py::test_full_disk_keeps_the_old_state",
            "contracts/test_runs.py::test_the_state_is_what_was_filled_and_never_what_was_wanted",
        ),
    ),
    "a13": (
        "the drift list is advice beside signed drift, with its least trade and its levels in the config",
        (
            "lakehouse_in/test_drift_csv.py::test_the_list_is_compared_line_by_line",
            "commands/test_plan_beside.py::test_the_list_is_a_column_and_moves_nothing",
            "commands/test_plan_beside.py::test_the_least_drift_it_lists_is_configs",
            "commands/test_plan_beside.py::test_the_alert_levels_are_configs",
        ),
    ),
    "a14": (
        "the platform's ledger is never written; ours is a chain of its own that names its head",
        (
            "contracts/test_untouched.py::test_nothing_of_the_platform_is_touched",
            "contracts/test_untouched.py::test_our_ledger_names_the_head_of_the_runs",
        ),
    ),
    "a15": (
        "the adapter surface, and the platform's own types behind it",
        (
            "conformance/test_conformance.py::test_c16_the_positions_frame_is_the_book_at_mid_in_base_currency",
            "conformance/test_conformance.py::test_c17_metadata_are_the_limits_and_unknown_symbols_are_all_named",
            "venues/test_unified.py::test_names_order_and_defaults_of_the_fields_are_the_platforms",
            "venues/test_unified.py::test_a_caller_of_the_platform_trades_through_sentinel_and_gate",
        ),
    ),
    "a16": (
        "the same manifest on the same book makes the same ids; a restart or a second file event doubles nothing",
        (
            "contracts/test_runs.py::test_a_manifest_told_again_and_again_trades_once",
            "contracts/test_runs.py::test_a_second_start_trades_nothing",
            "parity/test_made_day.py::test_both_send_the_same_orders_under_the_same_ids_in_the_same_order",
            "restart/test_cut.py::test_record_cut_anywhere_ends_well",
        ),
    ),
}

MISTAKES: dict[str, tuple[str, tuple[str, ...]]] = {
    "b1": (
        "unsigned weights make a short a long",
        (
            "contracts/test_planning.py::test_a_short_target_sells",
            "lakehouse_in/test_drift_csv.py::test_the_documented_alert_levels_are_judged_on_signed_drift",
            "lakehouse_out/test_platform_state.py::test_the_side_of_a_row_is_what_its_dialect_says",
        ),
    ),
    "b2": (
        "only the first winner is read",
        (
            "lakehouse_in/test_manifest.py::test_winners_are_netted_by_their_share_and_the_disagreement_is_noted",
            "lakehouse_in/test_platform_goldens.py::test_c1_nets_btc_over_winners",
        ),
    ),
    "b3": (
        "a meta portfolio over raw atoms turns a short into a long",
        (
            "lakehouse_in/test_shapes.py::test_a_meta_portfolio_without_evidence_needs_an_opt_in",
            "lakehouse_in/test_platform_goldens.py::test_c6_is_refused_for_the_atom_upstream_left_with_the_wrong_side",
        ),
    ),
    "b4": (
        "symbols cut at the first underscore or dot",
        (
            "lakehouse_in/test_shapes.py::test_an_atom_is_split_behind_the_colon",
            "config/test_symbols.py::test_awkward_symbols_are_mapped_both_ways",
        ),
    ),
    "b5": (
        "weights renormalised after a veto",
        (
            "lakehouse_in/test_manifest.py::test_a_share_without_its_winner_is_never_moved",
            "lakehouse_in/test_platform_goldens.py::test_c2_is_refused_for_its_renormalised_weights",
            "lakehouse_in/test_platform_goldens.py::test_c3_equal_weight_leaves_a_quarter_in_cash",
        ),
    ),
    "b6": (
        "a half-written file is lost for good; files written in place",
        (
            "parity/test_live_shadow.py::test_a_half_written_manifest_holds_until_it_is_whole",
            "lakehouse_out/test_state.py::test_full_disk_keeps_the_old_state",
            "config/test_snapshots.py::test_replaced_snapshot_leaves_nothing_beside_it",
        ),
    ),
    "b7": (
        "targets marked as held, state before fills",
        (
            "contracts/test_runs.py::test_the_state_is_what_was_filled_and_never_what_was_wanted",
            "lakehouse_out/test_verifier.py::test_state_that_the_log_does_not_give_is_found",
        ),
    ),
    "b8": (
        "empty rows poison the state file",
        (
            "lakehouse_out/test_platform_state.py::test_warnings_are_one_breath_each",
            "lakehouse_out/test_state.py::test_three_dialects_are_read_and_the_empty_row_is_counted",
        ),
    ),
    "b9": (
        "constants stand in for price, equity and lots",
        (
            "contracts/test_planning.py::test_nothing_stands_in_for_what_is_not_known",
            "orders/test_valuation.py::test_equity_must_be_above_zero",
            "config/test_snapshots.py::test_unusable_limits_leave_their_symbol_without_any",
        ),
    ),
    "b10": (
        "errors swallowed, an empty list instead",
        (
            "contracts/test_sources.py::test_no_error_is_swallowed",
            "conformance/test_facade.py::test_a_position_without_a_fresh_price_is_an_error_and_not_a_flat_book",
        ),
    ),
    "b11": (
        "foreign threads call Nautilus",
        (
            "gate/test_threads.py::test_everything_of_a_node_runs_on_the_loops_thread",
            "gate/test_threads.py::test_a_foreign_thread_is_denied_and_halts",
        ),
    ),
    "b12": (
        "no client factories, APIs that do not exist, another version than was tested",
        (
            "contracts/test_sources.py::test_nautilus_is_the_version_that_is_pinned",
            "sim/test_shapes_traded.py::test_a_shadow_trades_every_shape",
        ),
    ),
    "b13": (
        "precision by logarithm, floors in binary, shorts rounded away from zero, the floor asked of the target",
        (
            "orders/test_sizing.py::test_quantity_is_floored_to_the_step",
            "contracts/test_planning.py::test_a_short_is_cut_toward_zero",
            "contracts/test_planning.py::test_a_floor_is_asked_of_the_order_and_never_sells_what_is_held",
        ),
    ),
    "b14": (
        "limits of the spot pair used for the perpetual",
        (
            "contracts/test_planning.py::test_a_perpetual_has_limits_of_its_own_or_none",
            "config/test_snapshots.py::test_symbol_twice_refuses_the_file",
        ),
    ),
    "b15": (
        "gates that their own defaults satisfy",
        (
            "contracts/test_planning.py::test_nothing_stands_in_for_what_is_not_known",
            "orders/test_sizing.py::test_a_limit_that_cannot_be_used_is_refused",
        ),
    ),
    "b16": (
        "a ledger without lock, sync, string keys, genesis or verifier, that restarts on a blank line",
        (
            "lakehouse_out/test_lock_and_permission.py::test_second_process_is_refused_and_told_the_pid",
            "lakehouse_out/test_crash.py::test_failed_sync_ends_the_run_and_is_not_retried",
            "lakehouse_out/test_opening.py::test_first_opening_writes_the_genesis_before_any_line",
            "lakehouse_out/test_opening.py::test_anything_a_kill_cannot_leave_is_refused_and_nothing_is_changed",
            "lakehouse_out/test_ledger_format.py::test_only_the_canonical_bytes_are_a_record",
            "lakehouse_out/test_ledger_format.py::test_stranger_verifies_with_the_standard_library",
        ),
    ),
    "b17": (
        "documents that claim what the code cannot do",
        (
            "samples/test_readme.py::test_a_command_of_the_readme_exists_with_its_options_and_no_required_one_is_left_out",
            "samples/test_readme.py::test_every_reason_is_explained_and_none_that_does_not_exist",
            "samples/test_data_readme.py::test_a_line_type_is_documented_with_exactly_its_fields",
        ),
    ),
    "b18": (
        "an output path moved without its readers",
        (
            "contracts/test_sources.py::test_every_file_of_the_data_directory_has_its_name_in_one_place",
            "lakehouse_in/test_newest_manifest.py::test_the_newest_stamp_counts_and_the_older_file_is_noted",
        ),
    ),
    "b19": (
        "state keyed by rank",
        (
            "planner/test_attribution.py::test_rank_does_not_change_whose_share_it_is",
            "planner/test_attribution.py::test_shares_of_a_manifest_are_keyed_by_engine_and_profile_and_sum_to_its_targets",
        ),
    ),
    "b20": (
        "thresholds that are documented and not coded",
        (
            "commands/test_plan_beside.py::test_the_alert_levels_are_configs",
            "gate/test_halt.py::test_after_a_halt_in_a_burst_nothing_reaches_the_venue",
            "sentinel/test_controls.py::test_a_plan_control_refuses_the_whole_plan",
        ),
    ),
}


@cache
def running(file: str) -> frozenset[str]:
    """The tests of a file that run: not those that are skipped or expected to fail outright."""
    tree = ast.parse((TESTS / file).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return frozenset(node.name for node in functions if not any(idle(decorator) for decorator in node.decorator_list))


def idle(decorator: ast.expr) -> bool:
    words = ast.unparse(decorator)
    return words.startswith(("pytest.mark.skip", "pytest.mark.xfail"))


def test_every_contract_and_every_mistake_is_here() -> None:
    assert list(CONTRACTS) == [f"a{number}" for number in range(1, 17)]
    assert list(MISTAKES) == [f"b{number}" for number in range(1, 21)]


@pytest.mark.parametrize("name", [*CONTRACTS, *MISTAKES])
def test_what_holds_it_is_there_and_runs(name: str) -> None:
    words, tests = (CONTRACTS | MISTAKES)[name]
    assert words
    assert tests
    assert [test for test in tests if test.split("::")[1] not in running(test.split("::")[0])] == []


def test_a_test_that_is_gone_would_be_missed() -> None:
    assert "test_that_nobody_wrote" not in running("lakehouse_in/test_contracts.py")
    assert idle(ast.parse("pytest.mark.skip(reason='x')", mode="eval").body)
