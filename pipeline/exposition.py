"""Figures as Prometheus reads them: the text format, by `prometheus_client`."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from schemas.watch import Figure, load_watch

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Figures(Collector):
    def __init__(self, known: list[Figure]) -> None:
        self.known = known

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every metric of `watch.toml`, also those of which there is no figure now."""
        for metric in load_watch().metrics:
            family = GaugeMetricFamily(metric.name, metric.says, labels=metric.labels)
            for one in self.known:
                if one.metric == metric.name:
                    family.add_metric([one.labels[name] for name in metric.labels], one.value)
            yield family


def exposition(figures: Iterable[Figure]) -> bytes:
    """The figures in the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(list(figures)))
    return generate_latest(registry)
