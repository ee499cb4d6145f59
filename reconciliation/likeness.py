"""How alike records of members are: splink on DuckDB, by probabilities that are data.

Nothing is learned here and nothing is loaded from outside: `schemas/matching.toml` has every
probability, so that the same records have the same weights.
"""

import logging

import duckdb

from schemas.matching import Level, MatchComparison, MatchingRules

# SQL for "this level holds" by its kind; {0} and {1} are the level's columns, splink's suffixes
# are the sides.
_HOLDS = {
    "same": "{all_same}",
    "swapped": "{0}_l = {1}_r AND {1}_l = {0}_r",
    "one_typo": "damerau_levenshtein({0}_l, {0}_r) = 1",
    "alike": "jaro_winkler_similarity({0}_l, {0}_r) >= 0.9",
    "transposed": "damerau_levenshtein(CAST({0}_l AS VARCHAR), CAST({0}_r AS VARCHAR)) = 1 "
    "OR (year({0}_l) = year({0}_r) AND month({0}_l) = day({0}_r) AND day({0}_l) = month({0}_r))",
    "else": "ELSE",
}
_LETTERS = r"nullif(regexp_replace(upper(nfc_normalize({0})), '[^\p{{L}}\p{{N}}]', '', 'g'), '')"
_DIGITS = r"nullif(regexp_replace({0}, '[^0-9]', '', 'g'), '')"

# What of a record is compared, by name, and the columns of which it is made.
_MADE_OF = {
    "ssn": ("ssn", _DIGITS.format("ssn")),
    "first_name": ("first_name", _LETTERS.format("first_name")),
    "last_name": ("last_name", _LETTERS.format("last_name")),
    "birth_date": ("birth_date", "birth_date"),
    "gender_code": ("gender_code", "gender_code"),
    "street": ("address_line_1", _LETTERS.format("address_line_1")),
    "postal_code": ("postal_code", f"substr({_DIGITS.format('postal_code')}, 1, 5)"),
    "plan_id": ("plan_id", "plan_id"),
    "benefit_begin": ("benefit_begin", "benefit_begin"),
}
_TYPES = {"birth_date": "DATE", "benefit_begin": "DATE"}


def weigh(connection: duckdb.DuckDBPyConnection, rules: MatchingRules) -> bool:
    """Whether any two records share a block; then the table `weighed` says how alike they are.

    `lone_book` and `lone_carrier` have `row_id` and columns of records.CARRIER_MEMBERS; one that is
    not there is blank. `weighed` has a row for each pair that shares a block: `book_row`,
    `carrier_row`, `weight` in bits, `needs_met`, and `reasons`, the levels with their bits.
    """
    for side in ("book", "carrier"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE like_{side} AS {_like(connection, side)}")
        _forget_shared_numbers(connection, side, rules)
    if not _share_a_block(connection, rules):
        return False
    predicted = _predict(connection, rules)
    reasons = ", ".join(_reason(one) for one in rules.comparisons)
    needs = " AND ".join(_need(rules, name) for name in rules.automatic.needs) or "TRUE"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE weighed AS
        SELECT row_id_l AS book_row, row_id_r AS carrier_row, round(match_weight, 4) AS weight,
          {needs} AS needs_met, [{reasons}] AS reasons
        FROM {predicted}
    """)  # noqa: S608
    return True


def _like(connection: duckdb.DuckDBPyConnection, side: str) -> str:
    there = set(connection.table(f"lone_{side}").columns)
    made = ", ".join(
        f"{sql if column in there else 'CAST(NULL AS ' + _TYPES.get(name, 'VARCHAR') + ')'} "
        f"AS {name}"
        for name, (column, sql) in _MADE_OF.items()
    )
    return f"SELECT row_id, {made} FROM lone_{side}"  # noqa: S608


def _forget_shared_numbers(
    connection: duckdb.DuckDBPyConnection, side: str, rules: MatchingRules
) -> None:
    """A number that many members have says nothing of any."""
    connection.execute(f"""
        UPDATE like_{side} SET ssn = NULL WHERE ssn IN (
          SELECT ssn FROM like_{side} GROUP BY ssn
          HAVING count(*) > {rules.limits.shared_ssn_max})
    """)  # noqa: S608


def _share_a_block(connection: duckdb.DuckDBPyConnection, rules: MatchingRules) -> bool:
    """Whether any two records do: mostly none, and then there is nothing to weigh."""
    pairs = " UNION ALL ".join(
        f"(SELECT 1 FROM like_book l JOIN like_carrier r ON {condition} LIMIT 1)"  # noqa: S608
        for condition in _blocks(rules)
    )
    return bool(connection.sql(pairs).fetchall())


def _blocks(rules: MatchingRules) -> list[str]:
    return [
        " AND ".join(
            f"l.{left} = r.{right}"
            for left, right in zip(block.left, block.right or block.left, strict=True)
        )
        for block in rules.blocks
    ]


def _predict(connection: duckdb.DuckDBPyConnection, rules: MatchingRules) -> str:
    """The table in which splink has written its pairs."""
    # Here, because the night without such members need not wait for it.
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    database = DuckDBAPI(connection)
    sides = [
        database.register(f"like_{side}", dataset_display_name=name)
        for name, side in (("a_book", "book"), ("b_carrier", "carrier"))  # left is first by name
    ]
    linker = Linker(sides, _settings(rules), log_level=logging.ERROR, validate_settings=False)
    return str(linker.inference.predict(warning_mode="never").physical_name)


def _settings(rules: MatchingRules) -> dict[str, object]:
    return {
        "link_type": "link_only",
        "unique_id_column_name": "row_id",
        "probability_two_random_records_match": rules.prior,
        "blocking_rules_to_generate_predictions": _blocks(rules),
        "comparisons": [_comparison(one) for one in rules.comparisons],
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": True,  # and the levels
    }


def _comparison(one: MatchComparison) -> dict[str, object]:
    blank = " OR ".join(f"{name}_l IS NULL OR {name}_r IS NULL" for name in one.columns)
    unknown = {"sql_condition": blank, "label_for_charts": "blank", "is_null_level": True}
    levels = [
        {
            "sql_condition": _holds(level, one),
            "label_for_charts": level.name,
            "m_probability": level.m,
            "u_probability": level.u,
        }
        for level in one.levels
    ]
    return {"output_column_name": one.name, "comparison_levels": [unknown, *levels]}


def _holds(level: Level, one: MatchComparison) -> str:
    columns = level.columns or one.columns
    same = " AND ".join(f"{name}_l = {name}_r" for name in columns)
    return _HOLDS[level.kind].format(*columns, all_same=same)


def _gamma(one: MatchComparison, name: str) -> int:
    """Splink's number of a level: the last one is 0, and blank is -1."""
    names = [level.name for level in one.levels]
    return len(names) - 1 - names.index(name)


def _reason(one: MatchComparison) -> str:
    named = " ".join(f"WHEN {_gamma(one, level.name)} THEN '{level.name}'" for level in one.levels)
    bits = f"printf('%+.1f', mw_{one.name})"
    return f"'{one.name}: ' || CASE gamma_{one.name} {named} ELSE 'blank' END || ' ' || {bits}"


def _need(rules: MatchingRules, name: str) -> str:
    one = {one.name: one for one in rules.comparisons}[name]
    allowed = ", ".join(str(_gamma(one, level)) for level in rules.automatic.needs[name])
    return f"gamma_{name} IN ({allowed})"
