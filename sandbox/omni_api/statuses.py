"""The message statuses and delivery errors that the sandbox gives, with the published ids and names."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Status:
    group_id: int
    group_name: str
    id: int
    name: str
    description: str
    action: str | None = None

    def wire(self) -> dict[str, Any]:
        """The status in an answer. `action` is there only if a person can do something."""
        known = {
            "groupId": self.group_id,
            "groupName": self.group_name,
            "id": self.id,
            "name": self.name,
            "description": self.description,
        }
        return known if self.action is None else {**known, "action": self.action}


@dataclass(frozen=True, slots=True)
class DeliveryError:
    group_id: int
    group_name: str
    id: int
    name: str
    description: str
    permanent: bool

    def wire(self) -> dict[str, Any]:
        return {
            "groupId": self.group_id,
            "groupName": self.group_name,
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "permanent": self.permanent,
        }


def _rejected(id_: int, name: str, description: str, action: str | None = None) -> Status:
    return Status(5, "REJECTED", id_, name, description, action)


MESSAGE_ACCEPTED = Status(0, "ACCEPTED", 0, "MESSAGE_ACCEPTED", "Message accepted")
PENDING_ENROUTE = Status(1, "PENDING", 7, "PENDING_ENROUTE", "Message sent to next instance")
NOT_DELIVERED = Status(2, "UNDELIVERABLE", 9, "UNDELIVERABLE_NOT_DELIVERED", "The channel could not deliver it")
NOT_SENT = Status(2, "UNDELIVERABLE", 31, "UNDELIVERABLE_NOT_SENT", "No step of the scenario fits this destination")
DELIVERED = Status(3, "DELIVERED", 5, "DELIVERED_TO_HANDSET", "Delivered to the recipient's device")
EXPIRED = Status(4, "EXPIRED", 15, "EXPIRED_EXPIRED", "Not delivered within its validity period")
DUPLICATE = _rejected(23, "REJECTED_DUPLICATE_MESSAGE_ID", "A message with this id was accepted before")
MISSING_TO = _rejected(51, "MISSING_TO", "The destination has no address", "Give the destination an address")
BAD_DESTINATION = _rejected(52, "REJECTED_DESTINATION", "Not a phone number: digits only, in international format")
PREFIX_MISSING = _rejected(8, "REJECTED_PREFIX_MISSING", "The number lacks its country prefix", "Add the prefix")
VALIDATION_FAILED = _rejected(90, "REJECTED_VALIDATION_FAILED", "Not an email address")

# The rejections that documented phone numbers force, by status id.
REJECTIONS: dict[int, Status] = {
    status.id: status
    for status in (
        _rejected(6, "REJECTED_NETWORK", "The network of this number is not served"),
        PREFIX_MISSING,
        _rejected(10, "REJECTED_DND", "The number is on a do-not-disturb register"),
        _rejected(11, "REJECTED_SOURCE", "The sender is blocked for this account"),
        _rejected(12, "REJECTED_NOT_ENOUGH_CREDITS", "The account is out of credit", "Top up the account"),
        _rejected(13, "REJECTED_SENDER", "The sender is blocked for this destination"),
        _rejected(14, "REJECTED_DESTINATION_BLOCKLISTED", "The number is on the account's blocklist"),
        _rejected(17, "REJECTED_PREPAID_PACKAGE_EXPIRED", "The prepaid package has run out", "Buy a new package"),
        _rejected(18, "REJECTED_DESTINATION_NOT_REGISTERED", "The trial allows registered numbers only"),
        _rejected(19, "REJECTED_ROUTE_NOT_AVAILABLE", "There is no route to this number"),
        _rejected(20, "REJECTED_FLOODING_FILTER", "Too many messages to this number in a short time"),
        _rejected(21, "REJECTED_SYSTEM_ERROR", "The platform failed; a later attempt may succeed"),
        DUPLICATE,
        _rejected(24, "REJECTED_INVALID_UDH", "The user data header is not valid"),
        _rejected(25, "REJECTED_MESSAGE_TOO_LONG", "The message is longer than the channel takes"),
        MISSING_TO,
        BAD_DESTINATION,
        _rejected(87, "SIGNALS_BLOCKED", "Blocked as artificially inflated traffic"),
        _rejected(99, "REJECTED", "Rejected"),
        _rejected(100, "UNDELIVERABLE_REJECTED_PLATFORM", "The platform refused the message"),
    )
}

NO_ERROR = DeliveryError(0, "OK", 0, "NO_ERROR", "No error", permanent=False)
ABSENT_SUBSCRIBER = DeliveryError(
    1, "HANDSET_ERRORS", 27, "EC_ABSENT_SUBSCRIBER", "The device could not be reached", permanent=False
)
VALIDITY_EXPIRED = DeliveryError(
    2, "USER_ERRORS", 4101, "EC_VALIDITY_EXPIRED", "The validity period ran out", permanent=True
)
INVALID_ADDRESS = DeliveryError(
    2, "USER_ERRORS", 351, "EC_INVALID_DESTINATION_ADDRESS", "The address is not valid", permanent=False
)
