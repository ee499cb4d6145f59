"""The benchmarks measure functions that there are."""

from benchmarks.stages import STAGES


def test_every_stage_that_is_measured_is_a_function_of_the_program():
    """One that was moved or renamed would end a measurement after all its work."""
    missing = [name for name, module, function in STAGES if not hasattr(module, function)]
    assert missing == []
