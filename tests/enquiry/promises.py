"""What must hold after every step of whatever people and time do to cases, asked of the tables themselves."""

from sqlalchemy import text

from services.enquiry.lifecycles import (
    AGREED,
    APPOINTMENT,
    ASSISTANCE,
    ENQUIRY,
    INVITATION,
    LIVE_APPOINTMENTS,
    LIVE_ENQUIRIES,
    LIVE_INVITATIONS,
    QUOTE,
    TAKEN_QUOTES,
    UNCONFIRMED,
    AppointmentState,
    EnquiryState,
    InvitationState,
    QuoteState,
    Who,
    possible_acts,
)
from shared import db

MAY_STAND = (*AGREED, AppointmentState.CHECKED_IN, AppointmentState.NO_SHOW)
"""Appointments of a case that has ended: about what is confirmed the patient decides."""

HAPPENED = (AppointmentState.COMPLETED, AppointmentState.MISSED, AppointmentState.UNRECORDED)
"""Their time was used: it stays taken."""

TRANSITIONS = {row.fact.type for table in (ENQUIRY, INVITATION, QUOTE, APPOINTMENT, ASSISTANCE) for row in table}

TABLES = (("enquiries", ENQUIRY), ("invitations", INVITATION), ("quotes", QUOTE), ("appointments", APPOINTMENT))

SUBJECTS = (("enquiries", "enquiry"), ("invitations", "invitation"), ("quotes", "quote"), ("appointments", "appointment"))

UNDECIDED = (QuoteState.DRAFT, QuoteState.ISSUED)


def broken(house, memory):
    """One line for each promise that does not hold. `memory` is kept from step to step: ends that were seen."""
    with db.transaction(house.engine) as session:

        def ask(query, **values):
            return session.execute(text(query), values).all()

        return [
            *_double_bookings(ask, house.clock()),
            *_transitions_without_facts(ask),
            *_versions(ask),
            *_left_ends(ask, memory),
            *_live_beneath_an_end(ask),
            *_quotes_and_their_case(ask),
            *_stuck(ask),
        ]


def _double_bookings(ask, now):
    """Two live claims on one moment of a resource; an agreed time that nothing holds; a time that is kept for nobody."""
    twice = ask(
        """SELECT a.appointment_id FROM slot_claims a JOIN slot_claims b
           ON a.resource_id = b.resource_id AND a.during && b.during AND a.appointment_id < b.appointment_id
           WHERE coalesce(a.expires_at > :now, true) AND coalesce(b.expires_at > :now, true)""",
        now=now,
    )
    unheld = ask(
        """SELECT id FROM appointments a WHERE state = ANY(:agreed) AND NOT EXISTS (
             SELECT FROM slot_claims c WHERE c.appointment_id = a.id AND c.resource_id = a.resource_id
             AND lower(c.during) = a.starts_at AND c.expires_at IS NULL)""",
        agreed=list(AGREED),
    )
    idle = ask(
        """SELECT a.id, a.state FROM slot_claims c JOIN appointments a ON a.id = c.appointment_id
           WHERE a.state <> ALL(:kept) AND coalesce(c.expires_at > :now, true)""",
        kept=[*LIVE_APPOINTMENTS, *HAPPENED],
        now=now,
    )
    return [
        *(f"two claims on one moment: {row}" for row in twice),
        *(f"an agreed time that nobody keeps: {row}" for row in unheld),
        *(f"a time that is kept for nobody: {row}" for row in idle),
    ]


def _transitions_without_facts(ask):
    """One transition, one fact, one history row; and the other way round."""
    mute = ask("SELECT act, subject_id FROM history h WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.event_id = h.event_id)")
    shared = ask("SELECT event_id, count(*) FROM history GROUP BY event_id HAVING count(*) > 1")
    types = [f"{name}.v1" if not name.endswith(".v1") else name for name in TRANSITIONS]
    loose = ask(
        "SELECT type FROM outbox o WHERE type = ANY(:types) AND NOT EXISTS (SELECT FROM history h WHERE h.event_id = o.event_id)",
        types=types,
    )
    differing = [
        row
        for table, subject in SUBJECTS
        for row in ask(
            f"""SELECT t.id, t.state, h.state FROM {table} t JOIN LATERAL (
                  SELECT state FROM history WHERE subject = :subject AND subject_id = t.id ORDER BY at DESC, id DESC LIMIT 1) h ON true
                WHERE h.state <> t.state""",
            subject=subject,
        )
    ]
    return [
        *(f"a transition without its fact: {row}" for row in mute),
        *(f"one fact of several transitions: {row}" for row in shared),
        *(f"a fact without its transition: {row}" for row in loose),
        *(f"a state that its history does not end with: {row}" for row in differing),
    ]


def _versions(ask):
    """Facts of a case are recorded in the order of (version, sequence), each its own."""
    wrong = ask(
        """SELECT key, version, sequence FROM (
             SELECT key, id, version, sequence, lag((version, sequence)) OVER (PARTITION BY topic, key ORDER BY id) AS before FROM outbox
             WHERE topic = 'enquiry.events') facts
           WHERE before IS NOT NULL AND (version, sequence) <= before"""
    )
    return [f"a version that does not grow: {row}" for row in wrong]


def _left_ends(ask, memory):
    """An end is an end."""
    found = []
    for table, lifecycle in TABLES:
        left = {state for row in lifecycle for state in row.since}
        for its_id, state in ask(f"SELECT id, state FROM {table}"):
            if (table, its_id) in memory and memory[table, its_id] != state:
                found.append(f"an end that was left: {table} {its_id} was {memory[table, its_id]} and is {state}")
            if state not in left:
                memory[table, its_id] = state
    return found


def _live_beneath_an_end(ask):
    """An enquiry that has ended has nothing live beneath it but agreed appointments; drafts stay while the case lives, or a late quote may come."""
    invitations = ask(
        "SELECT i.id, i.state FROM invitations i JOIN enquiries e ON e.id = i.enquiry_id WHERE e.state <> ALL(:live) AND i.state = ANY(:open)",
        live=list(LIVE_ENQUIRIES),
        open=[*LIVE_INVITATIONS],
    )
    appointments = ask(
        "SELECT a.id, a.state FROM appointments a JOIN enquiries e ON e.id = a.enquiry_id WHERE e.state <> ALL(:live) AND a.state = ANY(:mine) AND a.state <> ALL(:may)",
        live=list(LIVE_ENQUIRIES),
        mine=list(LIVE_APPOINTMENTS),
        may=list(MAY_STAND),
    )
    quotes = ask(
        """SELECT q.id, q.state, e.state, i.state FROM quotes q JOIN enquiries e ON e.id = q.enquiry_id JOIN invitations i ON i.id = q.invitation_id
           WHERE q.state = ANY(:open) AND (i.state = 'revoked' OR i.state = 'declined' AND q.state <> 'draft'
             OR e.state <> ALL(:live) AND NOT (e.state = 'unfulfilled' AND q.state = 'draft'))""",
        live=list(LIVE_ENQUIRIES),
        open=[*UNDECIDED, *TAKEN_QUOTES],
    )
    return [f"live beneath a case that has ended: {row}" for row in (*invitations, *appointments, *quotes)]


def _quotes_and_their_case(ask):
    """One accepted quote at most, and the case says what its quotes say; an accepted one has an appointment that stands, or a day when it lapses."""
    cases = ask(
        """SELECT e.id, e.state, count(*) FILTER (WHERE q.state = 'issued') AS offered, count(*) FILTER (WHERE q.state = ANY(:taken)) AS taken,
             count(*) FILTER (WHERE q.state = 'unsettled') AS over
           FROM enquiries e LEFT JOIN quotes q ON q.enquiry_id = e.id GROUP BY e.id""",
        taken=list(TAKEN_QUOTES),
    )
    wrong = [row for row in cases if row.taken > 1 or (row.state, bool(row.offered), bool(row.taken or row.over)) not in _SAID_BY_A_CASE]
    unkept = ask(
        """SELECT q.id, q.state, a.state FROM quotes q LEFT JOIN appointments a ON a.id = q.appointment_id
           WHERE (q.state = 'booked' AND (a.id IS NULL OR a.state IN ('cancelled', 'voided'))) OR (q.state = 'accepted' AND q.book_until IS NULL)"""
    )
    return [f"a case that says something else than its quotes: {row}" for row in wrong] + [
        f"nothing keeps it from lapsing: {row}" for row in unkept
    ]


_SAID_BY_A_CASE = {  # its state, whether quotes are offered, whether one is taken
    (EnquiryState.ANSWERED, True, False),
    (EnquiryState.ACCEPTED, False, True),
    *((state, False, False) for state in EnquiryState if state not in {EnquiryState.ANSWERED, EnquiryState.ACCEPTED}),
}


def _stuck(ask):
    """A state in which nobody and no timer can do anything more."""
    people = (Who.PATIENT, Who.HOSPITAL, Who.OPERATIONS)
    found = []
    for table, lifecycle, states, waiting in (
        ("appointments", APPOINTMENT, AppointmentState, UNCONFIRMED),
        ("invitations", INVITATION, InvitationState, LIVE_INVITATIONS),
        ("quotes", QUOTE, QuoteState, (QuoteState.ISSUED, *TAKEN_QUOTES)),
    ):
        left = {state for row in lifecycle for state in row.since}
        for its_id, state, timers in ask(
            f"SELECT id, state, (SELECT count(*) FROM timers t WHERE t.subject_id = x.id) FROM {table} x WHERE state = ANY(:left)",
            left=list(left),
        ):
            if not timers and not any(possible_acts(lifecycle, states(state), who) for who in people):
                found.append(f"nobody can do anything more: {table} {its_id} {state}")
            if not timers and state in waiting:
                found.append(f"waits without an end: {table} {its_id} {state}")
    return found
