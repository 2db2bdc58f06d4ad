"""Log lines and metrics by Powertools. Each line is cleaned of what must not be logged before it is written."""

import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import EphemeralMetrics, Metrics, MetricUnit

from relay.redaction import Redactor

_OUTCOME_METRICS: Mapping[str, str] = {
    "sent": "MessagesSent",
    "retry": "MessagesRetried",
    "parked": "MessagesParked",
}
_OUR_PACKAGES = frozenset({"aws", "handlers", "omni", "relay"})


class _CleanFormatter(LambdaPowertoolsFormatter):
    """Cleans every line, including the texts of exceptions and tracebacks."""

    def __init__(self, redactor: Redactor, **options: Any) -> None:
        super().__init__(**options)
        self._redactor = redactor

    def serialize(self, log: Any) -> str:
        log.pop("exception_notes", None)
        return super().serialize(self._redactor.clean_value(log))

    def formatException(self, ei: Any) -> str:  # noqa: N802  # the name that logging calls
        """Shows where each error of the chain was raised, and its type, but the text only of our own errors.

        Other texts may quote a body, which nothing could find and mask. Ours quote no data.
        """
        return "\n".join("".join(traceback.format_tb(error.__traceback__)) + _shown(error) for error in _chain(ei[1]))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _shown(error: BaseException) -> str:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}: {error}" if kind.__module__.partition(".")[0] in _OUR_PACKAGES else name


class PowertoolsTelemetry:
    """See `relay.ports.Telemetry`. `hide` adds a secret that no line may show."""

    def __init__(self) -> None:
        self.redactor = Redactor(())
        formatter = _CleanFormatter(
            self.redactor, utc=True, use_rfc3339=True, location=None, serialize_stacktrace=False
        )
        self.logger = Logger(logger_formatter=formatter)
        self.metrics = Metrics()
        self._reports: dict[tuple[str, str], EphemeralMetrics] = {}

    def hide(self, secret: str) -> None:
        self.redactor.add(secret)

    def event_received(self, fields: Mapping[str, Any]) -> None:
        self.logger.info("event_received", extra=dict(fields))

    def message_status(self, fields: Mapping[str, Any]) -> None:
        self.logger.info("message_status", extra=dict(fields))
        self.count(_OUTCOME_METRICS[str(fields["outcome"])])

    def message_report(self, fields: Mapping[str, Any]) -> None:
        self.logger.info("message_report", extra=dict(fields))
        if fields["final"]:
            self._measure(fields)

    def _measure(self, fields: Mapping[str, Any]) -> None:
        """Counts an end by the channel and the group of its status, and takes the time to delivery."""
        group = (fields["status"] or {}).get("groupName") or str(fields["state"]).upper()
        kind = (fields["channel"] or "NONE", group)
        metrics = self._reports.get(kind)
        if metrics is None:  # the dimensions come first, because Powertools prints by itself at a hundred values
            metrics = self._reports[kind] = EphemeralMetrics()
            metrics.add_dimension(name="channel", value=kind[0])
            metrics.add_dimension(name="group", value=kind[1])
        metrics.add_metric(name="Reports", unit=MetricUnit.Count, value=1)
        if fields.get("seconds") is not None:
            metrics.add_metric(name="SecondsToDelivery", unit=MetricUnit.Seconds, value=fields["seconds"])
            self.metrics.add_metric(name="SecondsToDelivery", unit=MetricUnit.Seconds, value=fields["seconds"])

    def flush_reports(self) -> None:
        """Prints the metrics of the ends that were told since the last time."""
        for metrics in self._reports.values():
            metrics.flush_metrics()
        self._reports.clear()

    def log(self, level: Literal["info", "warning", "error"], message: str, **fields: Any) -> None:
        getattr(self.logger, level)(message, extra=fields)

    def count(self, metric: str, value: int = 1) -> None:
        self.metrics.add_metric(name=metric, unit=MetricUnit.Count, value=value)
