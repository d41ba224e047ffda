"""A made-up customer whose events are consistent with each other.

Owns the payload of each event type and the state between events: ids that belong together, a payment that
is pending before it is accepted. Must not know envelopes, bytes or signatures. Nothing can refer to a real
person or account: ids are random, names say `sample`, banks are Lean's own mock banks.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from relay.lean.catalogue import Region

Payload = dict[str, Any]

_CURRENCY: dict[Region, str] = {"UAE": "AED", "KSA": "SAR"}
_BANKS: dict[Region, tuple[tuple[str, str], ...]] = {
    "UAE": (("LEAN_OF_RETAIL_UAE", "Lean Open Finance Sample"), ("LEANMB1", "Lean Mockbank One")),
    "KSA": (("LEA1_SAMAOB_SAU", "Lean Mockbank KSA"), ("LEANMB2_SAU", "Lean Mockbank Two")),
}
_PERMISSIONS = (
    "identity",
    "accounts",
    "balance",
    "transactions",
    "identities",
    "beneficiaries",
    "standing_orders",
    "direct_debits",
    "scheduled_payments",
)
_ALWAYS_GRANTED = 4
_COOL_OFF, _ACTIVE = "AWAITING_BENEFICIARY_COOL_OFF", "ACTIVE"


@dataclass(slots=True)
class _Payment:
    id: str
    intent_id: str
    amount: int | Decimal
    order: int
    final: bool = False
    reconciliation: str | None = None


@dataclass(slots=True)
class _StatusSequence:
    """An object with an id that moves through states, one per event."""

    states: tuple[str, ...]
    id: str
    taken: int = 0

    @property
    def over(self) -> bool:
        return self.taken == len(self.states)

    def step(self, new_id: Callable[[], str]) -> str:
        """The next state; after the last one the first again, with a new id."""
        if self.over:
            self.id, self.taken = new_id(), 0
        self.taken += 1
        return self.states[self.taken - 1]


class SampleCustomer:
    """One customer with a bank, a payment source and payments.

    Args:
        rng: the source of every id, name and amount.
        clock: the current time, aware, UTC; for the dates inside payloads.
        region: decides banks and currency.
    """

    def __init__(self, rng: random.Random, clock: Callable[[], datetime], region: Region) -> None:
        self._rng = rng
        self._clock = clock
        self._region = region
        self._bank_up = True
        self._begin()

    def payload(self, type_: str) -> Payload:
        """The payload of this customer's next event of a type in the catalogue.

        Keys are in the documented order; amounts are `int` or `Decimal` with the digits to send. Empty if
        nothing is known about the type's payload.
        """
        made = _PAYLOADS[type_]
        return made(self) if made else {}

    def _begin(self) -> None:
        """A new customer with a first bank connection."""
        self._announced = False
        self._customer_id, self._entity_id = self._id(), self._id()
        self._user = f"sample-user-{self._rng.randrange(10**6):06}"
        self._bank = self._rng.choice(_BANKS[self._region])
        self._business = self._rng.random() < 0.3
        self._accounts = [self._id() for _ in range(self._rng.randint(1, 4))]
        self._intent: tuple[str, int | Decimal] | None = None
        self._payment: _Payment | None = None
        self._reconnect_id: str | None = None
        self._refresh = _StatusSequence(("PENDING", "PENDING", "FINISHED"), self._id())
        self._consent = _StatusSequence(("AWAITING_AUTHORISATION", "AUTHORISED"), self._id())
        self._on_file = _StatusSequence(("CREATED", "PROCESSING", "PROCESSED"), self._id())
        self._on_file_amount = self._amount()
        self._begin_source()

    def _begin_source(self) -> None:
        self._source_announced = False
        self._source_id, self._beneficiary_id, self._destination_id = self._id(), self._id(), self._id()

    def _id(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    def _amount(self) -> int | Decimal:
        """Whole units in one of three cases, otherwise two decimals, as in Lean's samples (25, 12.34)."""
        if self._rng.random() < 1 / 3:
            return self._rng.randint(1, 5_000)
        return Decimal(self._rng.randint(100, 500_000)).scaleb(-2)

    def _entity_created(self) -> Payload:
        if self._announced:
            self._begin()  # Lean sends it once per customer and bank.
        self._announced = True
        return self._entity()

    def _entity(self) -> Payload:
        identifier, name = self._bank
        granted = self._rng.randint(_ALWAYS_GRANTED, len(_PERMISSIONS))
        return {
            "id": self._entity_id,
            "customer_id": self._customer_id,
            "app_user_id": self._user,
            "permissions": list(_PERMISSIONS[:granted]),
            "bank_details": {
                "identifier": identifier,
                "name": name,
                "logo": f"https://example.com/sample/{identifier.lower()}.png",
                "main_color": "#1f6feb",
                "background_color": "#ffffff",
                "account_type": "BUSINESS" if self._business else "PERSONAL",
                "bank_type": "RETAIL",
                "swift_code": "SMPLSARI" if self._region == "KSA" else None,
            },
        }

    def _reconnected(self) -> Payload:
        self._reconnect_id = self._id()
        return {"id": self._entity_id, "reconnect_id": self._reconnect_id}

    def _results(self) -> Payload:
        # After a reconnect the results are the ones it was requested for.
        results_id, self._reconnect_id = self._reconnect_id or self._id(), None
        return {"id": results_id}

    def _refreshed(self) -> Payload:
        status = self._refresh.step(self._id)
        stage = self._refresh.taken
        today = self._clock().date()
        return {
            "entity_id": self._entity_id,
            "refresh_id": self._refresh.id,
            "customer_id": self._customer_id,
            "app_user_id": self._user,
            "status": status,
            "data_status": {
                "accounts": "PENDING" if stage == 1 else "OK",
                "identity": "PENDING" if stage == 1 else "OK",
                "account_data": [self._account_status(account, today, stage) for account in self._accounts],
            },
        }

    def _account_status(self, account_id: str, today: date, stage: int) -> Payload:
        """Balances come first, transactions last."""
        done = stage == 3
        start = today.replace(day=1) - timedelta(days=365)
        return {
            "account_id": account_id,
            "balance": "PENDING" if stage == 1 else "OK",
            "identity": "PENDING" if stage == 1 else "OK",
            "transactions": "OK" if done else "PENDING",
            "scheduled_payments": "UNSUPPORTED" if done else "PENDING",
            "direct_debits": "OK" if done else "PENDING",
            "standing_orders": "OK" if done else "PENDING",
            "beneficiaries": "OK" if done else "PENDING",
            "transaction_availability": {
                "start": start.isoformat(),
                "end": today.isoformat(),
                "complete_months": 12,
            }
            if done
            else None,
        }

    def _source_created(self) -> Payload:
        if self._source_announced:
            self._begin_source()
        self._source_announced = True
        return self._source(_COOL_OFF)

    def _source(self, status: str = _ACTIVE) -> Payload:
        return {
            "id": self._source_id,
            "customer_id": self._customer_id,
            "status": status,
            "bank_identifier": self._bank[0],
            "bank_name": self._bank[1],
            "end_user_id": None,
        }

    def _beneficiary(self, status: str) -> Payload:
        return {
            "id": self._beneficiary_id,
            "customer_id": self._customer_id,
            "payment_source_id": self._source_id,
            "payment_destination_id": self._destination_id,
            "status": status,
            "payment_source_bank_identifier": self._bank[0],
        }

    def _intent_created(self) -> Payload:
        self._intent = self._id(), self._amount()
        return self._intent_payload("INTENT_CREATED")

    def _intent_expired(self) -> Payload:
        self._intent = self._intent or (self._id(), self._amount())
        expired = self._intent_payload("EXPIRED")
        self._intent = None
        return expired

    def _intent_payload(self, status: str) -> Payload:
        assert self._intent is not None
        intent_id, amount = self._intent
        return {
            "intent_id": intent_id,
            "amount": amount,
            "currency": _CURRENCY[self._region],
            "status": status,
        }

    def _new_payment(self) -> _Payment:
        """A payment for the last intent if that has none yet."""
        intent_id, amount = self._intent or (self._id(), self._amount())
        self._intent = None
        self._payment = _Payment(self._id(), intent_id, amount, self._rng.randrange(10**5))
        return self._payment

    def _a_payment(self, *, unless: Callable[[_Payment], bool]) -> _Payment:
        """The current payment, or a new one."""
        if self._payment is None or unless(self._payment):
            return self._new_payment()
        return self._payment

    def _payment_created(self) -> Payload:
        return self._payment_payload(self._new_payment(), "PENDING_WITH_BANK")

    def _payment_updated(self) -> Payload:
        payment = self._a_payment(unless=lambda known: known.final)
        payment.final = True
        return self._payment_payload(payment, "ACCEPTED_BY_BANK")

    def _payment_payload(self, payment: _Payment, status: str) -> Payload:
        payload = {
            "id": payment.id,
            "customer_id": self._customer_id,
            "intent_id": payment.intent_id,
            "payment_destination_id": self._destination_id,
            "status": status,
            "amount": payment.amount,
            "currency": _CURRENCY[self._region],
        }
        if payment.final:
            payload["bank_transaction_reference"] = f"payment-{payment.id}"
        return payload | {"metadata": {"order": f"SAMPLE-{payment.order:05}"}}

    def _reconciled(self) -> Payload:
        payment = self._a_payment(unless=lambda known: known.reconciliation == "RECONCILED")
        payment.reconciliation = "RECONCILED" if payment.reconciliation else "OUTSTANDING"
        return {
            "payment_id": payment.id,
            "payment_intent_id": payment.intent_id,
            "consent_id": None,
            "amount": payment.amount,
            "currency": _CURRENCY[self._region],
            "status": payment.reconciliation,
            "reference": f"SAMPLE{payment.order:05}",
            "payment_description": f"Sample order {payment.order:05}",
            "additional_property": None,
        }

    def _bank_availability(self) -> Payload:
        self._bank_up = not self._bank_up
        return {
            "identifier": self._bank[0],
            "availability": {
                "active": {"payments": self._bank_up, "data": True},
                "enabled": {"payments": True, "data": True},
            },
        }

    def _iban_availability(self) -> Payload:
        self._bank_up = not self._bank_up
        now = "enabled" if self._bank_up else "disabled"
        kinds = ("personal", "freelancer", "business")
        return {
            "country_code": "SA",
            "bank_code": "80",
            "availability": {
                "global": now,
                "account_type": {kind: {"match": now, "no_match": now} for kind in kinds},
            },
        }

    def _on_file_payment(self, *, to_the_end: bool = False) -> Payload:
        if self._on_file.over:
            self._on_file_amount = self._amount()
        status = self._on_file.step(self._id)
        while to_the_end and not self._on_file.over:
            status = self._on_file.step(self._id)
        return {
            "id": self._on_file.id,
            "consent_id": self._consent.id,
            "customer_id": self._customer_id,
            "status": status,
            "amount": {"currency": _CURRENCY[self._region], "value": self._on_file_amount},
            "type": "ACCOUNT_ON_FILE",
        }

    def _consent_status(self) -> Payload:
        status = self._consent.step(self._id)
        return {
            "id": self._consent.id,
            "customer_id": self._customer_id,
            "status": status,
            "consent_type": "PAYMENT",
            "account_id": self._accounts[0],
        }

    def _transaction(self, method: str, payer: str) -> Payload:
        return {
            "type": "CREDIT",
            "post_processing_operations": {"payment_method": {"type": method}, "payer": {"type": payer}},
        }


_PAYLOADS: dict[str, Callable[[SampleCustomer], Payload] | None] = {
    "entity.created": SampleCustomer._entity_created,
    "entity.updated": SampleCustomer._entity,
    "entity.reconnected": SampleCustomer._reconnected,
    "entity.data.refresh.updated": SampleCustomer._refreshed,
    "results.ready": SampleCustomer._results,
    "payment_source.created": SampleCustomer._source_created,
    "payment_source.updated": SampleCustomer._source,
    "payment_source.beneficiary.created": lambda customer: customer._beneficiary(_COOL_OFF),
    "payment_source.beneficiary.updated": lambda customer: customer._beneficiary(_ACTIVE),
    "payment_intent.created": SampleCustomer._intent_created,
    "payment_intent.expired": SampleCustomer._intent_expired,
    "payment.created": SampleCustomer._payment_created,
    "payment.updated": SampleCustomer._payment_updated,
    "payment.reconciliation.updated": SampleCustomer._reconciled,
    "payment.transaction": SampleCustomer._on_file_payment,
    "payment.account-on-file.updated": lambda customer: customer._on_file_payment(to_the_end=True),
    "bank.availability.updated": SampleCustomer._bank_availability,
    "bank.availability.new": None,
    "bulk_payment_intent.created": None,
    "bulk_payment_intent.updated": None,
    "consent.status.updated": SampleCustomer._consent_status,
    "transaction.account": lambda customer: customer._transaction("UNKNOWN", "UNRECOGNIZED"),
    "transaction.account.post_process": lambda customer: customer._transaction(
        "LEAN_PAYMENT_INITIATION", "CUSTOMER"
    ),
    "iban_account_verification.bank.availability.updated": SampleCustomer._iban_availability,
}
