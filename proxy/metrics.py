"""What the proxy counts, as Prometheus text on ``/metrics``; and the meter of one request."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_TTFT_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ITL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)

# The status under which an answer is counted whose client went away.
CLIENT_GONE = 499


class Metrics:
    """The metrics of one proxy, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "forii_requests", "Inference requests by how they ended; 499: the client went away.",
            ["model", "status"], registry=self._registry,
        )  # fmt: skip
        self.running = Gauge(
            "forii_requests_running", "Inference requests being answered.", ["model"], registry=self._registry
        )
        self.waiting = Gauge(
            "forii_requests_waiting", "Requests waiting for the engine; without a model, long ones to be read.",
            ["model"], registry=self._registry,
        )  # fmt: skip
        self.rejected = Counter(
            "forii_requests_rejected", "Requests refused because too many waited.", ["model"],
            registry=self._registry,
        )  # fmt: skip
        self.prompt_tokens = Counter(
            "forii_prompt_tokens", "Prompt tokens sent to engines.", ["model"], registry=self._registry
        )
        self.completion_tokens = Counter(
            "forii_completion_tokens", "Tokens received from engines.", ["model"], registry=self._registry
        )
        self.retried_tokens = Counter(
            "forii_retried_tokens", "Tokens of answers that broke their schema and were thrown away.", ["model"],
            registry=self._registry,
        )  # fmt: skip
        self.guides_refused = Counter(
            "forii_guides_refused", "Grammars that an engine did not take.", ["model"], registry=self._registry
        )
        self.cancelled = Counter(
            "forii_requests_cancelled", "Requests whose client went away.", ["model"], registry=self._registry
        )
        self.first_token = Histogram(
            "forii_time_to_first_token_seconds", "From the request's arrival to a sample's first tokens.",
            ["model"], buckets=_TTFT_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.inter_token = Histogram(
            "forii_inter_token_latency_seconds", "Between two responses of the engine to one sample.",
            ["model"], buckets=_ITL_SECONDS, registry=self._registry,
        )  # fmt: skip

        self._account_metrics()

    def _account_metrics(self) -> None:
        self.limited = Counter(
            "forii_requests_limited", "Requests refused because of a limit of their plan.", ["limit"],
            registry=self._registry,
        )  # fmt: skip
        self.limits_degraded = Gauge(
            "forii_limits_degraded", "1 while Redis does not answer and limits are this process's own.",
            registry=self._registry,
        )  # fmt: skip
        self.usage_pending = Gauge(
            "forii_usage_pending", "Usage records that are not in the database yet.", registry=self._registry
        )
        self.usage_written = Counter(
            "forii_usage_written", "Usage records that went into the database.", registry=self._registry
        )
        self.usage_failures = Counter(
            "forii_usage_failures", "Writes of usage records that the database did not take.",
            registry=self._registry,
        )  # fmt: skip
        self.usage_lost = Counter(
            "forii_usage_lost", "Usage records dropped: neither journal nor database took them.",
            registry=self._registry,
        )  # fmt: skip
        self.journal_degraded = Gauge(
            "forii_journal_degraded", "1 while the usage journal cannot be written.", registry=self._registry
        )

    def text(self) -> bytes:
        return generate_latest(self._registry)


class RequestMetrics:
    """The metrics of one request, from its arrival (``started``, of time.perf_counter) to ``end`` or ``refuse``.
    model: empty until the request is known to name a served one. begun: whether it went to an engine. received:
    ids that came from engines, retried_tokens: those of them that were thrown away, in so many retries.
    first_token: seconds until the first came."""

    def __init__(self, metrics: Metrics) -> None:
        self.started = time.perf_counter()
        self.model = ""
        self.begun = False
        self.received = 0
        self.retried_tokens = 0
        self.retries = 0
        self.first_token: float | None = None
        self._all = metrics

    def begin(self, prompt_tokens: int, samples: int) -> None:
        """The request goes to the engine."""
        self.begun = True
        self._completion = self._all.completion_tokens.labels(self.model)
        self._first = self._all.first_token.labels(self.model)
        self._inter = self._all.inter_token.labels(self.model)
        self._all.running.labels(self.model).inc()
        self._all.prompt_tokens.labels(self.model).inc(prompt_tokens * samples)

    def end(self, status: int) -> None:
        """The request is over, begun or not. status: of the HTTP answer, or of the error that ended the stream."""
        if self.begun:
            self._all.running.labels(self.model).dec()
        self.refuse(status)
        if status == CLIENT_GONE:
            self._all.cancelled.labels(self.model).inc()

    def refuse(self, status: int) -> None:
        """The request never got to the engine."""
        self._all.requests.labels(self.model, str(status)).inc()

    def retried(self, tokens: int) -> None:
        """An attempt of so many tokens is thrown away."""
        self.retried_tokens += tokens
        self.retries += 1
        self._all.retried_tokens.labels(self.model).inc(tokens)

    def guide_refused(self) -> None:
        """The engine did not take the request's grammar."""
        self._all.guides_refused.labels(self.model).inc()

    def sample(self) -> SampleTimer:
        return SampleTimer(self)

    def observe(self, count: int, last: float | None) -> float:
        """count: ids that came now; last: when this sample's previous ones did. Returns now."""
        now = time.perf_counter()
        self.received += count
        self._completion.inc(count)
        if last is None:
            self._first.observe(now - self.started)
            if self.first_token is None:
                self.first_token = now - self.started
        else:
            self._inter.observe(now - last)
        return now


class SampleTimer:
    """Times the engine's responses to one sample, and counts what came for the attempt at it that runs."""

    def __init__(self, request: RequestMetrics) -> None:
        self._request = request
        self._last: float | None = None
        self._attempt = 0
        self._kept = 0

    def tokens(self, count: int) -> None:
        """Ids came; an empty response tells nothing."""
        if count:
            self._attempt += count
            self._last = self._request.observe(count, self._last)

    def throw_away(self, kept: int) -> None:
        """The attempt, all that came for it: also what its answer did not use. kept: how many ids of this and
        earlier attempts stay."""
        self._request.retried(self._kept + self._attempt - kept)
        self._attempt, self._kept = 0, kept
