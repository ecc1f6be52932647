"""What a resolver can reach during one request."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql.execution.values import VariableValues
from strawberry.types import Info

from hub import gate
from hub.accounts import Sessions
from hub.caller import Account, Caller
from hub.db import Database
from hub.errors import Forbidden, HubError, Language, NotFound, Unauthenticated
from hub.files import Files
from hub.settings import Settings
from loaders.read import Reader, Reading
from policies import Policy


@dataclass(slots=True)
class Context:
    """One request: who asks (if signed in), in which language, and the process's means."""

    reader: Reader
    sessions: Sessions
    files: Files
    language: Language
    token: str | None
    role: str | None = None
    account: Account | None = None
    reading: Reading | None = None
    operation: str | None = None
    """The operation the request named."""
    committed: HubError | None = None
    """What to answer if what this request has written cannot be read back: the write stands."""
    changes: Callable[[int], AsyncGenerator[None, None]] | None = None
    """In a subscription: tells that an import has changed, by its id, each time with the caller known anew."""
    _variables: VariableValues | None = None

    @property
    def database(self) -> Database:
        """The process's pools."""
        return self.reader.database

    @property
    def settings(self) -> Settings:
        """The process's settings."""
        return self.reader.settings

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.reader.policy

    @property
    def variables(self) -> VariableValues | None:
        """The document's variables with their sources."""
        return self._variables

    @variables.setter
    def variables(self, values: VariableValues) -> None:
        self._variables = values
        if self.reading is not None:
            self.reading.variables = values

    def recognise(self, account: Account | None, reading: Reading | None) -> None:
        """Take note of who asks: once in a request, before each event of a subscription."""
        if self.reading is not None:
            self.reading.close()
        self.account, self.reading = account, reading
        if reading is not None and self._variables is not None:
            reading.variables = self._variables

    def signed_in(self) -> Account:
        """The account. Raises Unauthenticated."""
        if self.account is None:
            raise Unauthenticated("UNAUTHENTICATED")
        return self.account

    def reads(self) -> Reading:
        """The reads of this request, for somebody with a role. Raises Unauthenticated or Forbidden."""
        account = self.signed_in()
        if account.must_change_password:
            raise Forbidden("MUST_CHANGE_PASSWORD")
        if self.reading is None or not self.reading.caller.roots:
            raise Forbidden("NO_ROLE")
        return self.reading

    def caller(self) -> Caller:
        """The account under its role. Raises Unauthenticated or Forbidden."""
        return self.reads().caller


HubInfo = Info[Context, None]


async def found(info: HubInfo, action: str, answer: Any) -> Any:
    """The answer to a look-up, or NotFound: the same for what is absent and what is out of reach, and audited."""
    if answer is None:
        refusal: HubError = NotFound()
        await gate.refuse(info.context.database, info.context.caller(), action, None, refusal)
        raise refusal
    return answer


def argument(description: str, name: str | None = None) -> Any:
    """The description of an argument."""
    return strawberry.argument(description=description, name=name)
