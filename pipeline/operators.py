"""Who works: the account that runs the process, and in whose name."""

import os
import pwd

from pipeline.settings import Settings


def name_of_operator(settings: Settings) -> str:
    """In whose name the house works: the setting, else the account of the operating system."""
    return settings.operator or account()


def account() -> str:
    """The account of the operating system under which this process runs."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run under a number that has no name
        return f"uid {number}"
