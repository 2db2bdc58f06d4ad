"""Every sender of events/: the sources of relay.yaml and of events/senders.yaml in one configuration."""

from configuration.files import read_yaml
from sandbox.renewal import Sources
from sandbox.stack.settings import PROJECT

# The files that set a webhook up: they are answered, and nothing is sent.
HANDSHAKES = frozenset(
    {"slack-url-verification", "sns-subscription", "zoom-url-validation", "discord-ping", "event-grid-validation"}
)


def every_source() -> Sources:
    config, secrets = read_yaml(PROJECT / "relay.yaml"), read_yaml(PROJECT / "secrets.local.yaml")
    further = read_yaml(PROJECT / "events" / "senders.yaml")
    further_secrets = read_yaml(PROJECT / "events" / "senders-secrets.yaml")
    return Sources(
        config | {"sources": config["sources"] | further["sources"]},
        secrets | {"sources": secrets["sources"] | further_secrets["sources"]},
    )
