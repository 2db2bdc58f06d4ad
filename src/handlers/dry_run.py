"""A dry run of the webhook function: a request is verified as any other, and nothing is sent, queued or recorded."""

from relay.configure.sources import Source, parse_source
from relay.ports import Configuration

VERIFY = {"preset": "hmac", "header": "x-dry-run-signature", "prefix": "sha256="}


class DryRun:
    """The configuration of a dry run. Each source has the caller's secret and no route, so no event makes a message."""

    def __init__(self, configuration: Configuration, secret: str) -> None:
        self._configuration = configuration
        self._secret = secret

    def source(self, name: str) -> Source:
        """Asks SSM first, because a version that can't read it must not pass. Raises ConfigurationUnavailable."""
        self._configuration.source(name)
        return parse_source(name, {"verify": VERIFY}, {}, (self._secret,))

    def scenario_key(self, name: str) -> str:
        """See `Configuration`."""
        return self._configuration.scenario_key(name)
