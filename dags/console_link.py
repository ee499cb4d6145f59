"""A link from Airflow's pages to the console: a plugin, which Airflow finds by its entry point.

It opens the console beside Airflow and shows none of it within: the console lets nobody frame it,
and who works in Airflow sees nothing of a member there.
"""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

_ON_THIS_MACHINE = "http://localhost:8340"  # where `edi834 console` listens
_LINKS = (
    ("nav", "edi834 console", "/"),
    ("dag", "Tonight in the console", "/"),
    ("dag_run", "Tonight in the console", "/"),
    ("task_instance", "Files in the console", "/files"),
)


class ConsoleLink(AirflowPlugin):
    """Links in the navigation, and beside the DAG, its runs and their tasks."""

    name = "edi834_console"

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The links, worked out when Airflow's API is asked for them: most of its processes never.

        There are none while our settings cannot be read.
        """
        from pipeline.settings import load_settings
        from schemas.errors import Terminal

        try:
            known = load_settings().console.public_url
        except Terminal:  # whoever opens the console is told what is wrong
            return []
        url = (known or _ON_THIS_MACHINE).rstrip("/")
        return [
            {"destination": destination, "name": name, "href": url + path}
            for destination, name, path in _LINKS
        ]
