"""From a claimed row to something that can be sent: the address is looked up now, and opened for this one attempt only.

Knows what is missing, and says so; never sends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.notification.channels import Result, Sent
from services.notification.channels.smtp import EmailChannel
from services.notification.channels.webhook import WebhookChannel
from services.notification.contacts import endpoints, hospitals, people
from services.notification.contacts.endpoints import Endpoint
from services.notification.contacts.hospitals import Hospital
from services.notification.mails.calendars import entry_of
from services.notification.mails.compose import Part, compose
from services.notification.mails.messages import NotAnAddress, Sender, in_ascii, message_of
from services.notification.mails.texts import closest
from services.notification.mails.values import Links, Reader
from services.notification.settings import Settings
from shared import crypto, log, metrics
from shared.crypto import KeyRing, SealBroken
from shared.events.notification import Channel, Recipient

from . import Delivery
from .claims import Claimed
from .webhooks import payload

logger = log.get(__name__)


@dataclass(frozen=True)
class Outgoing:
    """Ready to go: `send` is called once, from a thread, without any database."""

    claimed: Claimed
    send: Callable[[], Sent]
    address_hash: bytes | None = None


@dataclass
class Sorted:
    """What became of claimed rows when their addresses were looked up."""

    ready: list[Outgoing] = field(default_factory=list)
    waiting: list[Claimed] = field(default_factory=list)
    erased: list[Claimed] = field(default_factory=list)
    suppressed: list[Claimed] = field(default_factory=list)


@dataclass(frozen=True)
class _Letter:
    """A mail that is to be made."""

    claimed: Claimed
    to: str
    reader: Reader
    address_hash: bytes


class Missing(Exception):
    """The contact or hospital has not arrived yet, or cannot be opened with the keys we have."""


class Erased(Exception):
    """The patient is gone for ever."""


class Desk:
    """Looks addresses up and makes messages, with the keys of the settings."""

    def __init__(self, settings: Settings, email: EmailChannel, webhook: WebhookChannel) -> None:
        self._email, self._webhook = email, webhook
        self._contact_keys, self._own_keys = KeyRing.parse(settings.contact_keys), KeyRing.parse(settings.notification_keys)
        self._lookup_key, self._ops_address = settings.lookup_key_bytes, settings.ops_address
        self._sender = Sender.parse(settings.smtp_from)
        self._links, self._site_url = Links(settings.site_url, settings.link_key_bytes), settings.site_url

    def sort(self, session: Session, claimed: Sequence[Claimed]) -> Sorted:
        """Look up all addresses at once."""
        found, held = Sorted(), _Held(session, claimed)
        letters: list[_Letter] = []
        for one in claimed:
            try:
                if one.channel == Channel.WEBHOOK:
                    found.ready.append(self._webhook_of(one, held.endpoints[_known(one.endpoint_id)]))
                else:
                    letters.append(self._letter(one, held))
            except Erased:
                found.erased.append(one)
            except Missing:
                found.waiting.append(one)
            except (people.Unopenable, SealBroken):
                metrics.seals_broken.labels("delivery_address").inc()
                logger.error("the address of a delivery cannot be opened", delivery_id=str(one.id))  # noqa: TRY400
                found.waiting.append(one)
        refused = endpoints.suppressed_among(session, {letter.address_hash for letter in letters})
        for letter in letters:
            if letter.address_hash in refused:
                found.suppressed.append(letter.claimed)
            else:
                found.ready.append(self._mail_of(letter, held.parts_of(letter.claimed)))
        return found

    def _letter(self, claimed: Claimed, held: "_Held") -> _Letter:
        """Who reads it, and where. Raises Missing, Erased, Unopenable, SealBroken."""
        if claimed.recipient == Recipient.OPERATIONS:
            named = held.hospitals.get(UUID(claimed.params["hospital_id"])) if "hospital_id" in claimed.params else None
            to, reader = self._ops_address, Reader("en", hospital=named.name if named else None)
        elif claimed.recipient == Recipient.HOSPITAL:
            hospital = held.hospitals.get(_known(claimed.recipient_id))
            if hospital is None:
                raise Missing
            to = held.endpoints[_known(claimed.endpoint_id)].address(self._own_keys)
            reader = Reader(closest(hospital.languages), hospital.timezone or "UTC", hospital=hospital.name)
        else:
            person = self._person(claimed, held)
            to, reader = person.email, Reader(closest([person.language]), person.timezone, name=person.name)
        return _Letter(claimed, to, reader, crypto.lookup_hash(self._lookup_key, to))

    def _person(self, claimed: Claimed, held: "_Held") -> people.Person:
        recipient = _known(claimed.recipient_id)
        row = held.patients.get(recipient) if claimed.recipient == Recipient.PATIENT else held.accounts.get(recipient)
        if row is None:
            raise Missing
        if row.erased:
            raise Erased
        return people.open_contact(row, self._contact_keys)

    def _mail_of(self, letter: _Letter, parts: Sequence[Part]) -> Outgoing:
        def send() -> Sent:
            mail, to, now = compose(parts, letter.reader, self._links), in_ascii(letter.to), datetime.now(UTC)
            entry = entry_of(
                parts[-1].letter, parts[-1].params, letter.reader, sender=self._sender, to=to, site_url=self._site_url, now=now
            )
            try:
                message = message_of(
                    mail,
                    sender=self._sender,
                    to=to,
                    unique=letter.claimed.message_id,
                    language=letter.reader.language,
                    now=now,
                    calendar=(entry.method, entry.text) if entry else None,
                )
            except NotAnAddress:
                return Sent(Result.REFUSED, reply="not an e-mail address")
            return self._email.send(to=to, message=message)

        return Outgoing(letter.claimed, send, letter.address_hash)

    def _webhook_of(self, claimed: Claimed, endpoint: Endpoint) -> Outgoing:
        url, secrets = endpoint.address(self._own_keys), endpoint.secrets(self._own_keys, datetime.now(UTC))
        body = payload(claimed, self._links)
        return Outgoing(claimed, lambda: self._webhook.send(url=url, secrets=secrets, unique=claimed.message_id, body=body))


class _Held:
    """What the database holds about a batch of claimed rows: one query per kind."""

    def __init__(self, session: Session, claimed: Sequence[Claimed]) -> None:
        letters = [one for one in claimed if one.channel == Channel.EMAIL]

        def ids(recipient: Recipient) -> set[UUID]:
            return {one.recipient_id for one in letters if one.recipient == recipient and one.recipient_id}

        self.patients = people.patients_by_id(session, ids(Recipient.PATIENT))
        self.accounts = people.accounts_by_id(session, ids(Recipient.ACCOUNT))
        self.endpoints = endpoints.endpoints_by_id(session, {one.endpoint_id for one in claimed if one.endpoint_id})
        told = {UUID(one.params["hospital_id"]) for one in letters if one.recipient == Recipient.OPERATIONS and "hospital_id" in one.params}
        self.hospitals: dict[UUID, Hospital] = hospitals.hospitals_by_id(session, ids(Recipient.HOSPITAL) | told)
        self._folded = _folded_into(session, [one.id for one in claimed if one.recipient == Recipient.PATIENT])

    def parts_of(self, claimed: Claimed) -> list[Part]:
        """The letter itself, then those that were folded into it, in the order in which they came."""
        return [Part(claimed.template, claimed.params), *self._folded.get(claimed.id, [])]


def _folded_into(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[Part]]:
    found: dict[UUID, list[Part]] = {}
    if ids:
        query = select(Delivery.folded_into, Delivery.template, Delivery.params).where(Delivery.folded_into.in_(ids)).order_by(Delivery.id)
        for into, template, params in session.execute(query):
            found.setdefault(into, []).append(Part(template, params))
    return found


def _known(found: UUID | None) -> UUID:
    """A delivery of this kind always names it."""
    assert found is not None  # noqa: S101
    return found
