"""What was seen of a run, as plain rows: of the client, the databases, the topics and the receivers.

No connection and no clock in here: a row may come from psycopg, from psql in a container or from a test's own hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ENDED = frozenset({"accepted", "failed", "uncertain", "suppressed", "disabled", "expired", "folded"})


@dataclass(frozen=True)
class Answer:
    """What the client was finally told about one Idempotency-Key; `status` 0 where it gave up without an answer.

    The load writes its key into `client_reference`, so that the case can be found without an answer, too.
    """

    key: str
    status: int
    reference: str = ""
    hospitals: int = 0


@dataclass(frozen=True)
class Told:
    """A transition that somebody of the load was told of: `subject_id` is empty where the subject is the enquiry itself."""

    reference: str
    subject: str
    act: str
    subject_id: str = ""


@dataclass(frozen=True)
class Step:
    """A row of `history`: one transition, with the event that tells of it."""

    event_id: str
    case: str
    subject: str
    subject_id: str
    act: str
    state: str


@dataclass(frozen=True)
class Appointment:
    """As it stands in the end; times in seconds since 1970."""

    id: str
    case: str
    resource: str
    state: str
    since: float
    until: float


@dataclass(frozen=True)
class Claim:
    """A moment of a resource that an appointment has; `firm` where it has no end."""

    resource: str
    appointment: str
    since: float
    until: float
    firm: bool


@dataclass(frozen=True)
class Erased:
    """Somebody whose erasure was confirmed. `left`: what one database still holds of them, by name; nothing, when it is done."""

    case: str
    patient: str
    erasure: str
    state: str
    left: Sequence[str] = ()


@dataclass(frozen=True)
class Case:
    """A row of `enquiries`, with how many rows hang below it."""

    id: str
    reference: str
    key: str
    version: int
    invitations: int
    consents: int
    patients: int


@dataclass(frozen=True)
class Fact:
    """A fact that a service committed: `where` is outbox (unpublished) or archive. `case` is the key of the record."""

    event_id: str
    case: str
    version: int
    sequence: int
    type: str
    where: str = "archive"


@dataclass(frozen=True)
class Record:
    """A record of a fact topic, read from the beginning; `event_id` is empty where it could not be read."""

    topic: str
    partition: int
    offset: int
    key: str
    event_id: str
    version: int = 0
    sequence: int = 0


@dataclass(frozen=True)
class Heard:
    """What notification made of a fact: `handled` or `ignored` of the inbox, or the state of its dead letter."""

    event_id: str
    outcome: str


@dataclass(frozen=True)
class Outcome:
    """How many deliveries notification said that a fact would lead to."""

    event_id: str
    planned: int


@dataclass(frozen=True)
class Delivery:
    """A row of `deliveries`. `uncertain`: an attempt of it may have arrived unheard; `beside`: a task about another delivery, which no outcome counts."""

    id: str
    event_id: str
    case: str
    message_id: str
    channel: str
    recipient: str
    template: str
    state: str
    to: str = ""  # recipient's id and endpoint's id: who was to have it
    reason: str = ""
    folded_into: str = ""
    again_of: str = ""
    uncertain: bool = False
    beside: bool = False
    at: float = 0.0  # when it ended, in seconds since 1970
    tried: bool = False
    refusals: str = ""  # what we ourselves said instead of sending it


@dataclass(frozen=True)
class Arrival:
    """A mail or webhook that a receiver took for good: `id` is the UUID of its Message-ID or its webhook-id."""

    channel: str
    id: str
    to: str


@dataclass(frozen=True)
class Seen:
    """All of it. `cases_of_accounts`: keys of facts about people of hospitals and operations, which are no enquiries."""

    answers: Sequence[Answer] = ()
    cases: Sequence[Case] = ()
    acts: Sequence[Told] = ()
    steps: Sequence[Step] = ()
    appointments: Sequence[Appointment] = ()
    claims: Sequence[Claim] = ()
    erased: Sequence[Erased] = ()
    in_log: Mapping[str, int] = field(default_factory=dict)  # keys of enquiry.patients -> records with a value, of those who were erased
    facts: Sequence[Fact] = ()
    records: Sequence[Record] = ()
    heard: Sequence[Heard] = ()
    outcomes: Sequence[Outcome] = ()
    awaiting: Sequence[str] = ()  # event_ids in outbox_awaiting
    deliveries: Sequence[Delivery] = ()
    told: frozenset[str] = frozenset()  # deliveries in the timelines of enquiry
    arrivals: Sequence[Arrival] = ()
    accounts: frozenset[str] = frozenset()
    planted: frozenset[tuple[str, int, int]] = frozenset()  # (topic, partition, offset) of records that a fault put there
    private: frozenset[str] = frozenset()  # endpoints that lead to a private address

    @property
    def forgotten(self) -> frozenset[str]:
        """Keys whose facts are in no archive any more: the topic has them, until its own time is over."""
        return frozenset(key for one in self.erased for key in (one.case, one.patient))


@dataclass(frozen=True)
class Window:
    """While this fault was there, deliveries of the channel could end in that state; times in seconds since 1970."""

    fault: str
    channel: str
    state: str
    since: float
    until: float


@dataclass(frozen=True)
class Explained:
    """What the injected faults explain."""

    endings: Sequence[Window] = ()
    parked: frozenset[str] = frozenset()  # event ids whose key a fault had parked and nobody replayed
