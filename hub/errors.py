"""What can go wrong, each with a code from the catalogue, in Chinese and English."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from hub.catalogue import MESSAGES, Message

Language = Literal["zh", "en"]


class HubError(Exception):
    """A refusal that the caller can act on: a key into the catalogue, and the values its text needs.

    `key` names the message (`WRONG_PASSWORD`); `code` is its class of error, the one clients switch on.
    `field` is the input field at fault, if one is. `details` are extra machine-readable extensions.
    """

    status: ClassVar[int] = 400

    def __init__(
        self, key: str, *, field: str | None = None, details: Mapping[str, Any] | None = None, **values: object
    ) -> None:
        self.key = key
        self.message: Message = MESSAGES[key]
        self.field = field
        self.details = dict(details or {})
        self.values = values
        super().__init__(key)

    @property
    def code(self) -> str:
        """The class of error, as in `extensions.code`."""
        return self.message.code

    def text(self, language: Language = "zh") -> str:
        """What happened, for a person."""
        return self.message.text(language).format_map(self.values)

    def remedy(self, language: Language = "zh") -> str:
        """What the person can do about it."""
        return self.message.remedy(language).format_map(self.values)

    def extensions(self, language: Language = "zh") -> dict[str, Any]:
        """The `extensions` of the GraphQL error."""
        extensions = {"code": self.code, "key": self.key, "remedy": self.remedy(language)}
        if self.field is not None:
            extensions["field"] = self.field
        return extensions | self.details


class BadInput(HubError):
    """The request itself is wrong; sending it again unchanged will fail again."""


class Unauthenticated(HubError):
    """Nobody is signed in, or the sign-in has ended."""

    status = 401


class Forbidden(HubError):
    """The thing is reachable, but the role may not do this with it."""

    status = 403


class NotFound(HubError):
    """There is no such thing, or it is out of the caller's reach: the answer is the same for both,
    so that asking never reveals whether something exists elsewhere.
    """

    status = 404

    def __init__(self, key: str = "NOT_FOUND", **rest: Any) -> None:
        super().__init__(key, **rest)


class Conflict(HubError):
    """The register is in a state that does not allow this now."""

    status = 409


class MethodNotAllowed(BadInput):
    """The address does not take this HTTP method."""

    status = 405


class NotAcceptable(BadInput):
    """The caller takes no media type that the hub writes."""

    status = 406


class UnsupportedMedia(BadInput):
    """The body is of a media type that this address does not read."""

    status = 415


class TooLarge(HubError):
    """More than a limit allows; the text names the limit."""

    status = 413


class TooComplex(TooLarge):
    """The request would ask for more work than a limit allows, however small it is."""

    status = 400


class TooSlow(HubError):
    """The request did not come in the time it has."""

    status = 408


class RateLimited(HubError):
    """Too often in too short a time; the text names the limit. The detail `retryAfter` tells after how many seconds the
    same request may be sent again; over HTTP it is the header Retry-After, too.
    """

    status = 429


class Unavailable(HubError):
    """The hub cannot answer now; the same request may succeed later."""

    status = 503

    def __init__(self, key: str = "UNAVAILABLE", **rest: Any) -> None:
        super().__init__(key, **rest)
