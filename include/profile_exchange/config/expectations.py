"""Great Expectations' core vocabulary, so that a word of it is checked without importing it.

Importing Great Expectations takes seconds, and DAG files are parsed all the time. A test
compares this list with the installed library; when it fails after an upgrade, write down here
what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from profile_exchange.config.expectation_values import value_findings
from profile_exchange.config.forms import is_object_id
from profile_exchange.config.messages import nearest
from profile_exchange.config.yaml_source import Finding, shortened
from profile_exchange.domain.connection import COLUMN_ARGUMENTS, ConfiguredExpectation

#: In whose words a condition is written.
_PARSER = "great_expectations"
_BOUNDS = "min_value max_value strict_min strict_max"

#: The arguments of each expectation; ``!`` marks one that is required.
_ARGUMENTS = {
    "expect_column_distinct_values_to_be_in_set": "column! value_set!",
    "expect_column_distinct_values_to_contain_set": "column! value_set!",
    "expect_column_distinct_values_to_equal_set": "column! value_set!",
    "expect_column_kl_divergence_to_be_less_than": (
        "column! partition_object threshold internal_weight_holdout tail_weight_holdout "
        "bucketize_data min_value max_value"
    ),
    "expect_column_max_to_be_between": f"column! {_BOUNDS}",
    "expect_column_mean_to_be_between": f"column! {_BOUNDS}",
    "expect_column_median_to_be_between": f"column! {_BOUNDS}",
    "expect_column_min_to_be_between": f"column! {_BOUNDS}",
    "expect_column_most_common_value_to_be_in_set": "column! value_set! ties_okay",
    "expect_column_pair_values_a_to_be_greater_than_b": (
        "column_A! column_B! mostly or_equal ignore_row_if"
    ),
    "expect_column_pair_values_to_be_equal": "column_A! column_B! mostly ignore_row_if",
    "expect_column_pair_values_to_be_in_set": (
        "column_A! column_B! mostly value_pairs_set! ignore_row_if"
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": f"column! {_BOUNDS}",
    "expect_column_proportion_of_unique_values_to_be_between": f"column! {_BOUNDS}",
    "expect_column_quantile_values_to_be_between": "column! quantile_ranges! allow_relative_error",
    "expect_column_stdev_to_be_between": f"column! {_BOUNDS}",
    "expect_column_sum_to_be_between": f"column! {_BOUNDS}",
    "expect_column_to_exist": "column! column_index",
    "expect_column_type_to_be": "column! type_!",
    "expect_column_unique_value_count_to_be_between": f"column! {_BOUNDS}",
    "expect_column_value_lengths_to_be_between": f"column! mostly {_BOUNDS}",
    "expect_column_value_lengths_to_equal": "column! mostly value!",
    "expect_column_value_z_scores_to_be_less_than": "column! mostly threshold! double_sided!",
    "expect_column_values_to_be_between": f"column! mostly {_BOUNDS}",
    "expect_column_values_to_be_dateutil_parseable": "column! mostly",
    "expect_column_values_to_be_decreasing": "column! mostly strictly",
    "expect_column_values_to_be_in_set": "column! mostly value_set!",
    "expect_column_values_to_be_in_type_list": "column! mostly type_list",
    "expect_column_values_to_be_increasing": "column! mostly strictly",
    "expect_column_values_to_be_json_parseable": "column! mostly",
    "expect_column_values_to_be_null": "column! mostly",
    "expect_column_values_to_be_of_type": "column! mostly type_!",
    "expect_column_values_to_be_unique": "column! mostly",
    "expect_column_values_to_match_json_schema": "column! mostly json_schema!",
    "expect_column_values_to_match_like_pattern": "column! mostly like_pattern! escape",
    "expect_column_values_to_match_like_pattern_list": (
        "column! mostly like_pattern_list! match_on escape"
    ),
    "expect_column_values_to_match_regex": "column! mostly regex",
    "expect_column_values_to_match_regex_list": "column! mostly regex_list! match_on",
    "expect_column_values_to_match_strftime_format": "column! mostly strftime_format!",
    "expect_column_values_to_not_be_in_set": "column! mostly value_set!",
    "expect_column_values_to_not_be_null": "column! mostly",
    "expect_column_values_to_not_be_outliers": "column! mostly method multiplier",
    "expect_column_values_to_not_match_like_pattern": "column! mostly like_pattern! escape",
    "expect_column_values_to_not_match_like_pattern_list": (
        "column! mostly like_pattern_list! escape"
    ),
    "expect_column_values_to_not_match_regex": "column! mostly regex!",
    "expect_column_values_to_not_match_regex_list": "column! mostly regex_list!",
    "expect_compound_columns_to_be_unique": "column_list! mostly ignore_row_if",
    "expect_multicolumn_sum_to_equal": "column_list! mostly ignore_row_if sum_total!",
    "expect_multicolumn_values_to_be_equal": "column_list! mostly ignore_row_if",
    "expect_query_results_to_match_comparison": (
        "base_query! comparison_data_source_name! comparison_query! mostly"
    ),
    "expect_select_column_values_to_be_unique_within_record": "column_list! mostly ignore_row_if",
    "expect_table_column_count_to_be_between": "min_value max_value",
    "expect_table_column_count_to_equal": "value!",
    "expect_table_columns_to_match_ordered_list": "column_list",
    "expect_table_columns_to_match_set": "column_set exact_match",
    "expect_table_row_count_to_be_between": _BOUNDS,
    "expect_table_row_count_to_equal": "value!",
    "expect_table_row_count_to_equal_other_table": "other_table_name!",
}

#: Expectations about columns as such; all others can be told which rows they are for.
_FOR_NO_ROWS = frozenset(
    {
        "expect_column_to_exist",
        "expect_column_type_to_be",
        "expect_query_results_to_match_comparison",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
    }
)
_ROWS = frozenset({"row_condition", "condition_parser"})

#: Expectations that cannot be evaluated on what a run receives. A test holds the first against
#: the installed library.
WITHOUT_SQL = frozenset(
    {
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_decreasing",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_be_increasing",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_match_strftime_format",
    }
)
_OF_OTHER_TABLES = _FOR_NO_ROWS | {"expect_table_row_count_to_equal_other_table"}

#: The arguments of each expectation, and those it cannot do without. How results are reported
#: (``result_format`` and the like) is the validate step's business, and no choice.
ARGUMENTS: Mapping[str, frozenset[str]] = {
    name: frozenset(arguments.replace("!", "").split()).union(() if name in _FOR_NO_ROWS else _ROWS)
    for name, arguments in _ARGUMENTS.items()
}
REQUIRED: Mapping[str, frozenset[str]] = {
    name: frozenset(word[:-1] for word in arguments.split() if word.endswith("!"))
    for name, arguments in _ARGUMENTS.items()
}
USABLE = ARGUMENTS.keys() - WITHOUT_SQL - _OF_OTHER_TABLES


def findings(expectation: ConfiguredExpectation) -> Iterator[Finding]:
    """What Great Expectations would not understand; places are within the expectation."""
    known = ARGUMENTS.get(expectation.type)
    if known is None:
        name = shortened(expectation.type)
        near = nearest(expectation.type, USABLE)
        yield ("type",), f"Great Expectations has no expectation {name}.{near}"
        return
    if expectation.type not in USABLE:
        yield ("type",), f"{_unusable(expectation.type)}: remove it, or expect something else."
        return
    for argument in expectation.kwargs:
        if argument not in known:
            told = f"{expectation.type} takes no such argument.{nearest(argument, known)}"
            yield ("kwargs", argument), f"{told} It takes {', '.join(sorted(known))}."
    for argument in sorted(REQUIRED[expectation.type] - set(expectation.kwargs)):
        yield ("kwargs",), f"{expectation.type} needs the argument {argument}."
    yield from _column_findings(expectation.kwargs)
    yield from _row_findings(expectation)
    yield from value_findings(expectation.type, expectation.kwargs)


def _unusable(kind: str) -> str:
    if kind in WITHOUT_SQL:
        return f"Great Expectations cannot evaluate {kind} in a database, where values are checked"
    return f"{kind} is about the columns of a table, or about another, and a run receives neither"


def _column_findings(kwargs: Mapping[str, object]) -> Iterator[Finding]:
    """Columns are properties of the other tenant; one that is not mapped is asked for as well."""
    for argument in COLUMN_ARGUMENTS:
        if argument not in kwargs:
            continue
        value, several = kwargs[argument], argument in {"column_list", "column_set"}
        names = value if several else [value]
        if not isinstance(names, list) or not all(map(is_object_id, names)):
            what = "a list of property ids" if several else "the id of a property"
            yield ("kwargs", argument), f"this must be {what} of the other tenant."


def _row_findings(expectation: ConfiguredExpectation) -> Iterator[Finding]:
    """What a condition says beyond its first comparison, Great Expectations would leave out."""
    kwargs = expectation.kwargs
    if "row_condition" in kwargs:
        asked = expectation.only_for
        if asked is None or not is_object_id(asked.column):
            told = 'this must compare one property of the other tenant, such as col("age") > 17.'
            yield ("kwargs", "row_condition"), told
    if kwargs.get("condition_parser", _PARSER) != _PARSER:
        yield ("kwargs", "condition_parser"), f"write {_PARSER}, or remove it."
