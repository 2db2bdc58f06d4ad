"""The cure for each reason for which something is parked. docs/reliability.md has the same table."""

from collections.abc import Mapping

from relay.model.items import Reason

CURES: Mapping[Reason, str] = {
    Reason.ROUTE_INVALID: "detail names what fails: correct the route or the source, and push it",
    Reason.UNKNOWN_SCENARIO: "add the scenario's key under scenarios: and push it",
    Reason.REQUEST_REFUSED: "read OMNI's answer in detail; the cause is mostly a wrong scenario key",
    Reason.STATUS_UNKNOWN: "OMNI gave a status of no known group. Find out whether it took the message; the replay "
    "keeps the message's id",
    Reason.MESSAGES_REJECTED: "detail has OMNI's statuses. Remove what blocks the recipient, or leave the item parked",
    Reason.ATTEMPTS_EXHAUSTED: "nothing, once what failed is back: detail names the last failure, of OMNI, SSM, "
    "DynamoDB or SQS",
    Reason.ACCOUNT_BLOCKED: "put the account right: credentials, credit, package, trial or flooding filter. A system "
    "error of OMNI's needs nothing",
    Reason.MALFORMED_ITEM: "it can't be replayed, unless another version parked it: somebody else wrote to the queue, "
    "or a schedule has a wrong payload, whose fields are in its log line",
}
