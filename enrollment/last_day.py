"""Until when a policy without an end is in force: an enrollment ends with its year.

The exchange sends no end for that, and a renewal begins a new policy (CMS guide 7.2, section 6.9).
What the book holds is what was told; of coverage, `last_day` of `book.effective_coverage` is the
same.
"""

# Of a row of `book.policy`, by its alias.
LAST_DAY = """coalesce({0}.benefit_end,
  make_date(CAST(extract(year FROM {0}.benefit_begin) AS int), 12, 31))"""
