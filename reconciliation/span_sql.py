"""Coverage as periods, in DuckDB's SQL: what a list of spans covers, and for how many months.

A list is told as text: spans of days as ISO 8601 has them, with blanks between, in whatever order
(`2026-01-01/2026-03-31 2026-05-01/..`). Both days are covered; an open end is 12/31 of the year in
which the span begins (CMS guide 7.2, section 6.9).
"""

_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_SPANS = rf"{_DAY}/({_DAY}|\.\.)( {_DAY}/({_DAY}|\.\.))*"  # what such a text looks like

# `covered` is the periods that the spans cover together: those that follow each other or share days
# are one. A place in time is counted in months, of a day by its share of its month. `are_spans`
# says of a text whether it can be read: each day is in the calendar, and no span ends before it
# begins.
MACROS = f"""
CREATE TEMP MACRO are_spans(told) AS CASE WHEN regexp_full_match(told, '{_SPANS}')
  THEN list_bool_and(list_transform(string_split(told, ' '), lambda s: coalesce(
    TRY_CAST(split_part(s, '/', 1) AS DATE) <= CASE WHEN split_part(s, '/', 2) = '..'
      THEN DATE '9999-12-31' ELSE TRY_CAST(split_part(s, '/', 2) AS DATE) END, FALSE)))
  WHEN told IS NOT NULL THEN FALSE END;
"""
MACROS += """
CREATE TEMP MACRO spans_of(told) AS list_sort(list_transform(string_split(told, ' '), lambda s: {
  'first': CAST(split_part(s, '/', 1) AS DATE),
  'last': CASE WHEN split_part(s, '/', 2) = '..'
    THEN make_date(year(CAST(split_part(s, '/', 1) AS DATE)), 12, 31)
    ELSE CAST(split_part(s, '/', 2) AS DATE) END}));
CREATE TEMP MACRO covered(told) AS list_reduce(
  list_transform(spans_of(told), lambda s: [s]),
  lambda x, y: CASE WHEN y[1].first <= x[-1].last + 1
    THEN list_concat(x[:-2], [{'first': x[-1].first, 'last': greatest(x[-1].last, y[1].last)}])
    ELSE list_concat(x, y) END);
CREATE TEMP MACRO place_in_months(day) AS
  12 * year(day) + month(day) + (day(day) - 1) / day(last_day(day));
CREATE TEMP MACRO end_in_months(first, last) AS CASE WHEN last = first THEN place_in_months(first)
  ELSE place_in_months(coalesce(last, make_date(year(first), 12, 31)) + 1) END;
CREATE TEMP MACRO months_of(told) AS list_sum(list_transform(covered(told),
  lambda s: place_in_months(s.last + 1) - place_in_months(s.first)));
"""

SAME_SPANS = "covered({b}) = covered({c})"

# How many months more the carrier covers than the book, by the kind of the field that tells it.
MONTHS_MORE = {
    "date": "place_in_months(book_{0}) - place_in_months(carrier_{0})",
    "end_date": "end_in_months(carrier_benefit_begin, carrier_{0}) "
    "- end_in_months(book_benefit_begin, book_{0})",
    "spans": "months_of(carrier_{0}) - months_of(book_{0})",
}
