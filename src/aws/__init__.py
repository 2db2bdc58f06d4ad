"""AWS and Powertools behind the protocols of relay.ports."""
