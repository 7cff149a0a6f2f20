"""``/metrics``: what this process does, in numbers, for Prometheus. Off unless ``QUAYMASTER_METRICS`` is set.

Each port is wrapped where it is built, so that nothing else knows about metrics. Labels have few values, all
of them the product's own words: no name of a person or an integration, no address, no secret.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.core.errors import QuaymasterError
from bot.core.model import Server, Workspace
from bot.core.ports.kept_installations import Installations
from bot.core.ports.registry import (
    CheckResult,
    DockerLogin,
    Login,
    Registry,
    Repositories,
    Step,
    TagFacts,
    Tags,
    ignore_step,
)
from bot.core.ports.store import Change, Fetch, Held, Reading, Store

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_KINDS = {
    "/slack/events": "slack",
    "/healthz": "health",
    "/v1/credentials": "fetch",
    "/v1/integrations": "integrations",
}
"""What a request is called, by the beginning of its path; any other request is ``other``."""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The numbers of one process."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self._requests = self._histogram("request_seconds", "Requests over HTTP.", "kind", "outcome")
        self._store = self._histogram("store_seconds", "Store calls.", "call")
        self._store_errors = self._counter("store_errors", "Store calls that failed.", "call", "error")
        self._questions = self._histogram("registry_seconds", "Requests to registries.", "question")
        self._checks = self._counter("checks", "Checks of logins, by outcome.", "outcome")
        self._fetches = self._counter("fetches", "Fetches by workflows.", "result")
        build = Gauge("quaymaster_build_info", "Always 1.", ["version"], registry=self.registry)
        build.labels(version("quaymaster")).set(1)

    def serve(self, host: str, port: int) -> "Page":
        """Listen on a separate address until the page is called. Raises ``OSError`` if it is in use."""
        server, thread = start_http_server(port, addr=host, registry=self.registry)
        return Page(server, thread)

    def watch_integrations(self, store: Store, now: Callable[[], datetime]) -> None:
        """Add what the store says about each integration, by its id, read at each scrape."""
        self.registry.register(_IntegrationMetrics(store, now))

    def measured_requests(self, application: "WSGIApplication") -> "WSGIApplication":
        """Wrap the web server's application to measure requests, by kind and outcome."""

        def measured(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            begun = time.perf_counter()
            kind = _kind_of(environ.get("PATH_INFO", ""))
            outcome = "error"

            def noted(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                nonlocal outcome
                outcome = _outcome_of(status)
                return start_response(status, headers, *rest)

            try:
                return application(environ, noted)
            finally:
                self._requests.labels(kind, outcome).observe(time.perf_counter() - begun)

        return measured

    def measured_store(self, store: Store) -> Store:
        """Wrap the store."""
        return _MeasuredStore(store, self)

    def measured_registry(self, registry: Registry) -> Registry:
        """Wrap the registry client."""
        return _MeasuredRegistry(registry, self)

    def count_check(self, outcome: str) -> None:
        """Count a check."""
        self._checks.labels(outcome).inc()

    def count_fetch(self, result: str) -> None:
        """Count a fetch by a workflow."""
        self._fetches.labels(result).inc()

    @contextmanager
    def store_call(self, call: str) -> Iterator[None]:
        """Measure a store call."""
        with self._store.labels(call).time():
            try:
                yield
            except QuaymasterError as error:
                self._store_errors.labels(call, type(error).__name__).inc()
                raise

    @contextmanager
    def question(self, name: str) -> Iterator[None]:
        """Measure a request to a registry."""
        with self._questions.labels(name).time():
            yield

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"quaymaster_{name}", text, labels, registry=self.registry, buckets=_SECONDS)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"quaymaster_{name}", text, labels, registry=self.registry)


class Page:
    """A served ``/metrics``; call it to stop listening."""

    def __init__(self, server: "WSGIServer", thread: Thread) -> None:
        self._server = server
        self._thread = thread
        host, port = server.server_address[:2]
        self.url = f"http://{host!s}:{port}/metrics"

    def __call__(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _kind_of(path: str) -> str:
    return next((kind for beginning, kind in _KINDS.items() if path.startswith(beginning)), "other")


def _outcome_of(status: str) -> str:
    return {"2": "done", "3": "done", "4": "refused"}.get(status[:1], "error")


class _IntegrationMetrics(Collector):
    """The health, expiry and rotation of each integration, and the age of unsent news."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the store is read only when the page is requested."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read every workspace once."""
        health = GaugeMetricFamily(
            "quaymaster_integration_health",
            "1 for the current health of an integration's login.",
            labels=["integration", "health"],
        )
        ends = GaugeMetricFamily(
            "quaymaster_integration_ends_timestamp_seconds",
            "When an integration's login expires, if that is known.",
            labels=["integration"],
        )
        orphaned = GaugeMetricFamily(
            "quaymaster_integration_orphaned",
            "1 when an integration's owner has left.",
            labels=["integration"],
        )
        rotating = GaugeMetricFamily(
            "quaymaster_integration_rotation_timestamp_seconds",
            "When the current rotation of an integration started.",
            labels=["integration"],
        )
        waiting = 0.0
        for workspace in self._store.workspaces():
            reading = self._store.read(workspace)
            waiting = max([waiting, *((self._now() - one.at).total_seconds() for one in reading.news)])
            for one in reading.integrations.all():
                health.add_metric([one.id, one.watch.health.value], 1)
                orphaned.add_metric([one.id], float(one.orphaned_at is not None))
                if one.former:
                    rotating.add_metric([one.id], one.former.replaced_at.timestamp())
                if one.first_end:
                    end = datetime.combine(one.first_end, datetime.min.time(), UTC)
                    ends.add_metric([one.id], end.timestamp())
        yield from (health, ends, orphaned, rotating)
        yield GaugeMetricFamily(
            "quaymaster_news_oldest_seconds", "How long the oldest unsent news has been waiting.", waiting
        )


class _MeasuredStore:
    """Implements ``bot.core.ports.store.Store`` over another one."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._inner = store
        self._metrics = metrics

    @property
    def installations(self) -> Installations:
        """Not measured."""
        return self._inner.installations

    def read(self, workspace: Workspace) -> Reading:
        """Measured until the reading is returned; later lookups in it count for the caller."""
        with self._metrics.store_call("read"):
            return self._inner.read(workspace)

    @contextmanager
    def change(self, workspace: Workspace) -> Iterator[Change]:
        """Measured as a whole: waiting, the block, and the disk or the commit."""
        with self._metrics.store_call("change"), self._inner.change(workspace) as change:
            yield change

    def workspaces(self) -> Iterator[Workspace]:
        """Not measured: only scheduled jobs call it."""
        return self._inner.workspaces()

    def token_holder(self, token_id: str, asked: Server | str | None = None) -> Held | None:
        """Measured."""
        with self._metrics.store_call("token_holder"):
            return self._inner.token_holder(token_id, asked)

    def record_use(self, use: Fetch) -> None:
        """Measured, and counted by its result."""
        with self._metrics.store_call("record_use"):
            self._inner.record_use(use)
        self._metrics.count_fetch(use.event.result.value)

    def health(self) -> str | None:
        """Not measured."""
        return self._inner.health()

    def close(self) -> None:
        """Not measured."""
        self._inner.close()


class _MeasuredRegistry:
    """Implements ``bot.core.ports.registry.Registry`` over another one."""

    def __init__(self, registry: Registry, metrics: Metrics) -> None:
        self._inner = registry
        self._metrics = metrics

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """Measured, and counted by its outcome."""
        with self._metrics.question("check"):
            found = self._inner.check(login, deadline_s=deadline_s, repository=repository, on_step=on_step)
        self._metrics.count_check(found.outcome.value)
        return found

    def kept_login(self, login: Login, *, while_valid: bool = False) -> DockerLogin | None:
        """Not measured: it sends no request."""
        return self._inner.kept_login(login, while_valid=while_valid)

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """Measured."""
        with self._metrics.question("docker_login"):
            return self._inner.docker_login(login, deadline_s=deadline_s)

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """Measured."""
        with self._metrics.question("tags"):
            return self._inner.tags(login, repository, deadline_s=deadline_s)

    def tag_facts(
        self, login: Login, repository: str, tags: Sequence[str], *, deadline_s: float
    ) -> Mapping[str, TagFacts]:
        """Measured."""
        with self._metrics.question("tag_facts"):
            return self._inner.tag_facts(login, repository, tags, deadline_s=deadline_s)

    def repositories(self, login: Login, *, deadline_s: float) -> Repositories:
        """Measured."""
        with self._metrics.question("repositories"):
            return self._inner.repositories(login, deadline_s=deadline_s)
