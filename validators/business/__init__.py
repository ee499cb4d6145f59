"""Business rules: rows of `schemas/rules` judged over the tables of members, in whole columns."""
