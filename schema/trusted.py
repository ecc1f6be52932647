"""Documents by their hash: those the operator trusts, or those that clients have sent before."""

import hashlib
from pathlib import Path

import orjson
from graphql import GraphQLError

from hub.errors import BadInput, Forbidden, HubError
from hub.settings import Settings
from loaders.plan import Cache
from schema.documents import Documents


class Trusted:
    """The allow-list of the process if the settings name one, or else its automatic persisted queries."""

    def __init__(self, settings: Settings, documents: Documents) -> None:
        self.listed = listed(Path(settings.trusted_documents), documents) if settings.trusted_documents else None
        self.persisted: Cache[str, str] = Cache(0 if self.listed is not None else settings.persisted_cache)

    def find(self, query: str | None, named: str | None) -> str:
        """The text of what is asked for by text, hash or both.

        Raises BadInput for a hash that is not that of the text or is not known, Forbidden for a document off the list.
        """
        if query is None:
            return self._known(named or "")
        if named is not None and _hash(query) != named:
            raise BadInput("PERSISTED_QUERY_MISMATCH")
        if self.listed is not None and _hash(query) not in self.listed:
            raise Forbidden("DOCUMENT_NOT_TRUSTED")
        return query

    def keep(self, named: str, query: str) -> None:
        """Remember a document by its hash, for whoever asks by it next."""
        self.persisted.put(named, query, 4 * len(query) + 512)

    def _known(self, named: str) -> str:
        if self.listed is not None:
            if named not in self.listed:
                raise Forbidden("DOCUMENT_NOT_TRUSTED")
            return self.listed[named]
        if not self.persisted.limit:
            raise BadInput("PERSISTED_QUERY_NOT_SUPPORTED")
        query = self.persisted.get(named)
        if query is None:
            raise BadInput("PERSISTED_QUERY_NOT_FOUND")
        return query


def listed(place: Path, documents: Documents) -> dict[str, str]:
    """The trusted documents by hash: every .graphql file of a folder as it stands, or a JSON file {sha256: document}.

    Raises ValueError, which stops the start, for a document that is not valid here or not what its hash says.
    """
    found: dict[str, str] = {}
    for where, text, named in _read(place):
        known = documents.know(text)
        if known.tree is None or known.faults:
            raise ValueError(f"{where}: {_reason(known.faults[0])}")
        if named is not None and named.lower() != _hash(text):
            raise ValueError(f"{where}: the SHA-256 of this document is {_hash(text)}")
        found[_hash(text)] = text
    return found


def _read(place: Path) -> list[tuple[str, str, str | None]]:
    if place.is_dir():
        files = sorted(place.rglob("*.graphql"))
        return [(str(file), file.read_text(encoding="utf-8"), None) for file in files]
    try:
        manifest = orjson.loads(place.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ValueError(f"HUB_TRUSTED_DOCUMENTS={place}: {error}") from None
    if not isinstance(manifest, dict) or not all(isinstance(text, str) for text in manifest.values()):
        raise ValueError(f"HUB_TRUSTED_DOCUMENTS={place}: not an object of hashes and documents")
    return [(f"{place}: {named}", text, named) for named, text in manifest.items()]


def _reason(fault: GraphQLError) -> str:
    refusal = fault.original_error
    return refusal.text("en") if isinstance(refusal, HubError) else fault.message


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
