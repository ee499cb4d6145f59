"""Asks pyx12 about one mutant after the other and prints where we disagree: `make fuzz`.

Usage: python -m tests.laws.fuzz [FIRST_SEED] [MUTANTS]. Without a number of mutants it goes on
until it is interrupted. Ends with 1 when there was a disagreement.
"""

import sys
from itertools import count, islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.cases.reading import Reader
from tests.laws.agreement import disagreements
from tests.laws.good_files import good_files
from tests.laws.mutants import mutant
from tests.laws.second_opinion import ask_pyx12


def fuzz(first_seed, mutants, folder):
    """Prints every disagreement and returns how many there were."""
    originals, reader, found = good_files(folder), Reader(folder), 0
    for seed in islice(count(first_seed), mutants):
        random = Random(seed)
        one = mutant(random, random.choice(originals))
        content = one.text.encode("latin-1")
        for sentence in disagreements(
            content, reader.verdict(content), ask_pyx12(one.text), one.reach
        ):
            found += 1
            print(f"seed {seed}: {one.deed} at segment {one.segment}: {sentence}", flush=True)  # noqa: T201
    return found


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    with TemporaryDirectory() as temporary:
        try:
            outcome = fuzz(
                numbers[0] if numbers else 1,
                numbers[1] if len(numbers) > 1 else None,
                Path(temporary),
            )
        except KeyboardInterrupt:
            outcome = 0
    sys.exit(bool(outcome))
