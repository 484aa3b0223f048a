"""Answers and refusals, with DMTF's words: the Base message registry 1.18 (DSP8011), in the form of DSP0266 8.7."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.lab.redfish.events import Stream

Document = dict[str, Any]

_BASE = "Base.1.18."
_WORDS: Mapping[str, tuple[str, str, str]] = {
    "Success": ("The request completed successfully.", "OK", "None."),
    "NoOperation": (
        "The request body submitted contain no data to act upon and no changes to the resource took place.",
        "Warning",
        "Add properties in the JSON object and resubmit the request.",
    ),
    "SessionLimitExceeded": (
        "The session establishment failed due to the number of simultaneous sessions exceeding the limit of the implementation.",
        "Critical",
        "Reduce the number of other sessions before trying to establish the session or increase the limit of simultaneous sessions, if supported.",
    ),
    "GeneralError": (
        "A general error has occurred. See Resolution for information on how to resolve the error.",
        "Critical",
        "None.",
    ),
    "ResourceMissingAtURI": (
        "The resource at the URI '{}' was not found.",
        "Critical",
        "Name an existing resource.",
    ),
    "OperationNotAllowed": (
        "The HTTP method is not allowed on this resource.",
        "Critical",
        "See the Allow header.",
    ),
    "NoValidSession": (
        "There is no valid session established with the implementation.",
        "Critical",
        "Establish a session before attempting any operations.",
    ),
    "ResourceAtUriUnauthorized": (
        "While accessing the resource at '{}', the service received an authorization error '{}'.",
        "Critical",
        "Ensure that the appropriate access is provided for the service in order for it to access the URI.",
    ),
    "PasswordChangeRequired": (
        "The password provided for this account must be changed before access is granted.  PATCH the Password property for this account located at the target URI '{}' to complete this process.",
        "Critical",
        "Change the password for this account using a PATCH to the Password property at the URI provided.",
    ),
    "InsufficientPrivilege": (
        "There are insufficient privileges for the account or credentials associated with the current session to perform the requested operation.",
        "Critical",
        "Either abandon the operation or change the associated access rights and resubmit the request if the operation failed.",
    ),
    "MalformedJSON": (
        "The request body submitted was malformed JSON and could not be parsed by the receiving service.",
        "Critical",
        "Ensure that the request body is valid JSON and resubmit the request.",
    ),
    "PropertyUnknown": (
        "The property '{}' is not in the list of valid properties for the resource.",
        "Warning",
        "Remove the unknown property from the request body and resubmit the request if the operation failed.",
    ),
    "PropertyNotWritable": (
        "The property '{}' is a read-only property and cannot be assigned a value.",
        "Warning",
        "Remove the property from the request body and resubmit the request if the operation failed.",
    ),
    "PropertyMissing": (
        "The property '{}' is a required property and must be included in the request.",
        "Warning",
        "Ensure that the property is in the request body and has a valid value and resubmit the request if the operation failed.",
    ),
    "PropertyValueTypeError": (
        "The value '{}' for the property '{}' is not a type that the property can accept.",
        "Warning",
        "Correct the value for the property in the request body and resubmit the request if the operation failed.",
    ),
    "PropertyValueNotInList": (
        "The value '{}' for the property '{}' is not in the list of acceptable values.",
        "Warning",
        "Choose a value from the enumeration list that the implementation can support and resubmit the request if the operation failed.",
    ),
    "ActionParameterMissing": (
        "The action requires the parameter '{1}' to be present in the request body.",
        "Critical",
        "Supply the action with the required parameter in the request body when the request is resubmitted.",
    ),
    "ActionParameterValueNotInList": (
        "The value '{}' for the parameter '{}' in the action is not in the list of acceptable values.",
        "Warning",
        "Choose a value from the list that the implementation can support and resubmit the request if the operation failed.",
    ),
    "ResourceInUse": (
        "The change to the requested resource failed because the resource is in use or in transition.",
        "Warning",
        "Remove the condition and resubmit the request if the operation failed.",
    ),
    "ResourceCannotBeDeleted": (
        "The delete request failed because the resource requested cannot be deleted.",
        "Critical",
        "Do not attempt to delete a non-deletable resource.",
    ),
    "ResourceAlreadyExists": (
        "The requested resource already exists.",
        "Critical",
        "Do not repeat the create operation as the resource has already been created.",
    ),
    "PreconditionFailed": (
        "The ETag supplied did not match the ETag required to change this resource.",
        "Critical",
        "Try the operation again using the appropriate ETag.",
    ),
    "QueryNotSupported": (
        "Querying is not supported by the implementation.",
        "Warning",
        "Remove the query parameters and resubmit the request if the operation failed.",
    ),
    "QueryParameterValueError": (
        "The value '{}' for the query parameter '{}' is invalid.",
        "Warning",
        "Correct the value and resubmit.",
    ),
    "QueryParameterValueTypeError": (
        "The value '{}' for the query parameter '{}' is not a type that the parameter can accept.",
        "Warning",
        "Correct the value for the query parameter in the request and resubmit the request if the operation failed.",
    ),
    "QueryParameterOutOfRange": (
        "The value '{}' for the query parameter '{}' is out of range {}.",
        "Warning",
        "Reduce the value for the query parameter to a value that is within range, such as a start or count value that is within bounds of the number of resources in a collection or a page that is within the range of valid pages.",
    ),
    "QueryCombinationInvalid": (
        "Two or more query parameters in the request cannot be used together.",
        "Warning",
        "Remove one or more of the query parameters and resubmit the request if the operation failed.",
    ),
    "AccessDenied": (
        "While attempting to establish a connection to '{}', the service denied access.",
        "Critical",
        "Attempt to ensure that the URI is correct and that the service has the appropriate credentials.",
    ),
    "ResourceAtUriInUnknownFormat": (
        "The resource at '{}' is in a format not recognized by the service.",
        "Critical",
        "Place an image or resource or file that is recognized by the service at the URI.",
    ),
    "HeaderInvalid": (
        "Header '{}' is invalid.",
        "Critical",
        "Resubmit the request with a valid request header.",
    ),
    "EventSubscriptionLimitExceeded": (
        "The event subscription failed due to the number of simultaneous subscriptions exceeding the limit of the implementation.",
        "Critical",
        "Reduce the number of other subscriptions before trying to establish the event subscription or increase the limit of simultaneous subscriptions, if supported.",
    ),
    "ActionNotSupported": (
        "The action '{}' is not supported by the resource.",
        "Critical",
        "The action supplied cannot be resubmitted to the implementation.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer; ``body`` None = without."""

    status: int = 200
    body: Document | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    """Instead of a document: XML."""
    stream: Stream | None = None
    """Instead of a document: events as they come, until one side closes."""


NO_CONTENT = Answer(status=204)


class RefusedError(Exception):
    """The request is refused with ``status`` and a message of the registry."""

    def __init__(
        self, status: int, message: str, *arguments: object, related: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.document = error(message, *arguments, related=related)


def error(message: str, *arguments: object, related: str | None = None) -> Document:
    """Return the body of a refusal: one message in ``@Message.ExtendedInfo``."""
    info = message_of(message, *arguments, related=related)
    return {
        "error": {
            "code": info["MessageId"],
            "message": info["Message"],
            "@Message.ExtendedInfo": [info],
        }
    }


def message_of(message: str, *arguments: object, related: str | None = None) -> Document:
    """Return one message object (Message 1.1.2)."""
    words, severity, resolution = _WORDS[message]
    made: Document = {
        "@odata.type": "#Message.v1_1_2.Message",
        "MessageId": _BASE + message,
        "Message": words.format(*arguments),
        "MessageArgs": [str(argument) for argument in arguments],
        "MessageSeverity": severity,
        "Severity": severity,
        "Resolution": resolution,
    }
    if related is not None:
        made["RelatedProperties"] = [f"#/{related}"]
    return made
