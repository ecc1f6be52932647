"""Settings: the only place that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


def knob(default: Any, doc: str) -> Any:
    """A setting: its default and one line of documentation."""
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every knob of the hub. The environment variable of `read_pool` is `HUB_READ_POOL`, and so on."""

    home: Path = knob(Path(".hub"), "Folder of the embedded database, the uploaded files and the demo's log-ins.")
    database_url: str = knob("", "PostgreSQL 15 or newer, as the migrating role; empty starts the embedded one.")
    app_database_url: str = knob("", "The same database as role hub_app; empty: database_url with that role set.")
    read_database_url: str = knob("", "The same database, or a replica, as role hub_read; empty as above.")
    system_database_url: str = knob("", "The same database as role hub_system; empty as above.")
    host: str = knob("127.0.0.1", "Address to serve on.")
    port: int = knob(8000, "Port to serve on.")
    workers: int = knob(1, "Processes that `hub serve` serves with; each has pools and caches of its own.")
    read_pool: int = knob(8, "Connections for compiled reads, per process.")
    account_reads: int = knob(
        4, "Statements that one account's reads run at once, per process; a quarter of them while others ask, too."
    )
    write_pool: int = knob(8, "Connections for deeds, per process.")
    pool_timeout: float = knob(3.0, "Seconds a request waits for a free connection before UNAVAILABLE.")
    statement_timeout: float = knob(15.0, "Seconds a statement of a request may run.")
    lock_timeout: float = knob(5.0, "Seconds a statement of a request may wait for a lock.")
    session_hours: float = knob(12.0, "Hours until a sign-in ends.")
    session_cache: float = knob(1.0, "Seconds a read may rely on a session it has seen.")
    password_attempts: int = knob(5, "Wrong passwords in a row before an account is locked.")
    lock_minutes: float = knob(15.0, "Minutes an account stays locked.")
    password_length: int = knob(10, "Shortest password allowed.")
    operation_timeout: float = knob(30.0, "Seconds a query may take as a whole; a write is never cut off.")
    header_limit: int = knob(32_000, "Bytes of a request's first line and headers.")
    request_patience: float = knob(
        30.0, "Seconds a client may take for a request's head, and from one part of its body to the next."
    )
    body_limit: int = knob(1_000_000, "Bytes of a GraphQL request.")
    body_rate: int = knob(1_000_000, "Bytes a second that one client's GraphQL requests of more than 64 kB may bring.")
    body_burst: int = knob(4_000_000, "Bytes of such requests that a client may bring at once after a while without.")
    refusal_rate: float = knob(
        20.0, "Refusals a second that one client gets at once; the answers to more wait a little."
    )
    answer_limit: int = knob(32_000_000, "Bytes of a GraphQL answer.")
    value_limit: int = knob(20_000, "JSON values in the variables and extensions of a request.")
    list_limit: int = knob(1_000, "Values in one list of an input, in variables or in the document.")
    nesting_limit: int = knob(32, "Levels of the JSON of variables and extensions.")
    upload_limit: int = knob(64_000_000, "Bytes of an uploaded file.")
    photo_bytes: int = knob(60_000, "Bytes that a pupil's photo stays below; a larger one is encoded anew.")
    photo_pixels: int = knob(40_000_000, "Pixels of a photo that is decoded at all.")
    photo_files: int = knob(10_000, "Files of an archive of photos.")
    link_minutes: float = knob(10.0, "Minutes that a signed link lasts, such as that of a photo.")
    upload_quota: int = knob(4_000_000_000, "Bytes that one account may upload within 24 hours.")
    row_limit: int = knob(60_000, "Rows of an imported workbook.")
    import_duplicate_share: float = knob(
        0.05, "Share of an import's rows that may seem to be known already; more of them wait for a leader."
    )
    import_leaver_share: float = knob(
        0.2, "Share of the pupils on record whom a whole workbook may leave out; more of them wait for a leader."
    )
    import_threshold_rows: int = knob(
        10, "Duplicates or missing pupils up to which an import never waits for a leader."
    )
    import_rules: str = knob("", "Rules of import rows that the province has switched: CODE=WARN, CODE=OFF, ...")
    import_workers: int = knob(1, "Processes that work on queued imports beside `hub serve`; 0 leaves it to others.")
    import_part: int = knob(1_000, "Rows of one transaction of an import.")
    import_days: int = knob(60, "Days that the rows of an import are kept after its end, and can be undone.")
    attendance_days: int = knob(30, "Days back that attendance may still be marked.")
    page_limit: int = knob(200, "Nodes of one page of a connection.")
    filter_limit: int = knob(500, "Values in one list of a filter.")
    batch_limit: int = knob(5_000, "Keys that one look-up of a loaded field takes at most.")
    row_budget: int = knob(200_000, "Rows one query may ask for: the product of its page sizes, summed.")
    cost_limit: int = knob(
        2_000_000, "Cost of one query: rows it may touch, and their fields that tell about a person."
    )
    cost_rate: int = knob(
        120_000_000,
        "Cost that one account's reads may sum up to in a minute, over all processes (one that does nothing else has "
        "time for about 100,000,000); 0 sets no limit.",
    )
    document_share: float = knob(0.01, "Share of a process's time in which one client's new documents are read.")
    document_burst: float = knob(0.2, "Seconds of that time a client may take at once that has sent none for a while.")
    abandoned_share: float = knob(
        0.25, "Share of the time that one client may have the hub at work on queries it leaves."
    )
    abandoned_burst: float = knob(1.0, "Seconds of such work that a client may have at once.")
    document_limit: int = knob(50_000, "Characters of a GraphQL document.")
    token_limit: int = knob(4_000, "Tokens of a GraphQL document.")
    depth_limit: int = knob(20, "Nesting of a GraphQL document.")
    root_limit: int = knob(50, "Root fields of a GraphQL operation, fragments expanded.")
    object_limit: int = knob(200, "Fields of a document that have a selection of their own, fragments expanded.")
    selection_limit: int = knob(2_000, "Fields, spreads and inline fragments of a document, fragments expanded.")
    alias_limit: int = knob(200, "Aliases of a document, fragments expanded.")
    directive_limit: int = knob(50, "Directives of a document, fragments expanded.")
    fragment_limit: int = knob(60, "Fragments of a document.")
    overlap_limit: int = knob(50, "Times one place of the answer may be asked for in a document.")
    plan_cache: int = knob(16_000_000, "Bytes of cached documents and plans, per process.")
    lookup_attempts: int = knob(20, "Pupils an account may fail to confirm within an hour before RATE_LIMITED.")
    transfer_tail_days: int = knob(30, "Days a sending school still reads the record of a pupil who left for another.")
    fold_seconds: float = knob(1.0, "Seconds between two folds of changes into the counts; 0 leaves it to others.")
    socket_limit: int = knob(2_000, "WebSockets of one process.")
    account_sockets: int = knob(10, "WebSockets of one account, per process.")
    socket_subscriptions: int = knob(10, "Subscriptions of one WebSocket at once.")
    socket_messages: int = knob(20, "Messages that a WebSocket may bring in a second.")
    socket_init: float = knob(3.0, "Seconds until a new WebSocket must have said who it is.")
    socket_patience: float = knob(10.0, "Seconds a client may leave unread what it is sent, before it is cut off.")
    socket_ping: float = knob(20.0, "Seconds between two pings of a WebSocket, and until an unanswered one ends it.")
    watch_seconds: float = knob(0.5, "Seconds between two looks at what subscriptions watch.")
    heartbeat: float = knob(10.0, "Seconds after which a subscription tells again what has not changed.")
    event_rate: int = knob(200, "Events of subscriptions that are read in a second, per process.")
    erase_seconds: float = knob(
        5.0, "Seconds between two looks for files of an ended trial, until none are left; 0 leaves them to others."
    )
    trusted_documents: str = knob("", "Folder of .graphql files, or a JSON file {sha256: document}: only these run.")
    persisted_cache: int = knob(4_000_000, "Bytes of automatic persisted queries, per process; 0 turns them off.")
    plain_get: bool = knob(False, "Whether GET takes a document's text too, not only its hash.")
    introspection: bool = knob(True, "Whether __schema and __type answer.")

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ, **overrides: Any) -> "Settings":
        """The settings of an environment, with overrides on top.

        Raises ValueError naming the variable that does not parse.
        """
        values: dict[str, Any] = {}
        for knob_ in fields(cls):
            name = f"HUB_{knob_.name.upper()}"
            if name in environment:
                values[knob_.name] = _parse(name, environment[name], type(knob_.default))
        return cls(**(values | overrides))

    def switches(self) -> dict[str, str]:
        """The switched rules of import rows by code."""
        pairs = [pair.partition("=") for pair in self.import_rules.split(",") if pair.strip()]
        return {code.strip(): severity.strip() for code, _, severity in pairs}

    def environment(self, around: Mapping[str, str] = os.environ) -> dict[str, str]:
        """An environment that makes another process's settings these: with every knob that is not at its default."""
        told = {knob_: getattr(self, knob_.name) for knob_ in fields(self)}
        ours = {
            f"HUB_{knob_.name.upper()}": str(int(value) if isinstance(value, bool) else value)
            for knob_, value in told.items()
            if value != knob_.default
        }
        return {**around, **ours}


def _parse(name: str, text: str, kind: type) -> Any:
    try:
        if kind is bool:
            return {"1": True, "true": True, "0": False, "false": False}[text.lower()]
        return Path(text).absolute() if kind is type(Path()) else kind(text)
    except (KeyError, ValueError):
        raise ValueError(f"{name}={text!r} is not a valid {kind.__name__}") from None
