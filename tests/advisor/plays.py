"""What is done with the examples while one of their contexts is away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from hotel.reservations import api as desk
from hotel.reservations.api import GuestId, UntilClosing
from hotel.reservations.domain import NightId
from hotel.reservations.handlers import CloseNight
from hotel.rooms.api import HouseId, OfferRoom, Room, RoomId, Rooms
from hotel.system import hotel
from learning.billing.api import ConfirmInvoice, Invoices
from learning.certification.api import Certificates
from learning.enrollment.api import Enroll, Enrollments, Withdraw
from learning.enrollment.handlers import Confirm, Reject, Request
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.learning.api import CompleteModule, ModuleId, Progress, Students, Transcript
from learning.system import platform
from learning.variants import billing_by_event, certification_by_call
from learning.variants.certification_by_call import IssueCertificate
from remit import System
from remit.values import Money
from tests.advisor import bazaar
from tests.advisor.disturbed import Message, Play
from webshop.system import webshop
from webshop_checkout.handlers import checkout
from webshop_checkout_api import FindOrder, OrderId, OrderLine, PayOrder, PlaceOrder, ProductId
from webshop_fulfilment.handlers import fulfilment
from webshop_fulfilment_api import FindShipment
from webshop_fulfilment_api import OrderId as ShippedOrder
from webshop_identity.handlers import identity
from webshop_identity_api import RegisterUser, UserId
from webshop_inventory.handlers import inventory
from webshop_inventory_api import OnHand, ReceiveStock
from webshop_inventory_api import ProductId as StockItem

ADA, BOB = StudentId("ada"), StudentId("bob")
STORMING, TEAMS, MODELLING = CourseId("event-storming"), CourseId("team-topologies"), CourseId("domain-modelling")


def _enroll(id: str, student: StudentId = ADA, course: CourseId = STORMING) -> Enroll:
    return Enroll(enrollment=EnrollmentId(id), student=student, course=course)


def _score(id: str, module: str) -> CompleteModule:
    return CompleteModule(enrollment=EnrollmentId(id), module=ModuleId(module), score=90)


LEARNING = Play(
    platform,
    before=[
        _enroll("e-1"),
        _enroll("e-2", course=TEAMS),
        _enroll("e-3", BOB),
        _score("e-1", "big-picture"),
        _score("e-3", "big-picture"),
    ],
    last=[
        _enroll("e-4", BOB, TEAMS),
        Withdraw(enrollment=EnrollmentId("e-2")),
        Request(enrollment=EnrollmentId("e-5"), student=BOB, course=MODELLING),
        _score("e-1", "design-level"),
    ],
    probes=[
        _enroll("e-6", StudentId("cleo")),
        Request(enrollment=EnrollmentId("e-7"), student=StudentId("dan"), course=STORMING),
        _score("e-3", "design-level"),
        Confirm(enrollment=EnrollmentId("e-3")),
        Reject(enrollment=EnrollmentId("e-3"), reason="none"),
        Withdraw(enrollment=EnrollmentId("e-3")),
        ConfirmInvoice(enrollment=EnrollmentId("e-3"), student=BOB, course=STORMING),
        Enrollments(student=ADA),
        Invoices(student=ADA),
        Progress(enrollment=EnrollmentId("e-1")),
        Transcript(student=ADA),
        Students(course=STORMING, status="learning"),
        Certificates(student=ADA),
    ],
    steps=[Request, Confirm, Reject],
)


def _without(messages: Sequence[Message], *kinds: type[Message]) -> list[Message]:
    return [each for each in messages if not isinstance(each, kinds)]


BILLING_BY_EVENT = Play(
    billing_by_event.platform,
    before=LEARNING.before,
    last=_without(LEARNING.last, Request),
    probes=_without(LEARNING.probes, Request, Confirm, Reject),
)
CERTIFICATION_BY_CALL = Play(
    certification_by_call.platform,
    before=LEARNING.before,
    last=LEARNING.last,
    probes=[
        *LEARNING.probes,
        IssueCertificate(student=BOB, course=TEAMS, completed_at=datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    steps=[*LEARNING.steps, IssueCertificate],
)

TODAY = date(2030, 1, 1)
GRAND, GUEST = HouseId("grand"), GuestId("gil")
TERM = UntilClosing(day=TODAY + timedelta(days=400))


def _offer(room: str) -> OfferRoom:
    return OfferRoom(room=Room(id=RoomId(room), house=GRAND))


def _hold(room: str, guest: GuestId = GUEST) -> desk.HoldNight:
    return desk.HoldNight(guest=guest, room=RoomId(room), night=TODAY, term=TERM)


HOTEL = Play(
    hotel,
    before=[_offer("101"), _offer("102"), _hold("101")],
    last=[_offer("103"), _hold("102")],
    probes=[
        _offer("104"),
        Rooms(),
        desk.BecomeMember(guest=GUEST, card="c-1"),
        _hold("103"),
        desk.CancelHold(guest=GUEST, room=RoomId("101"), night=TODAY),
        desk.CheckIn(guest=GUEST, room=RoomId("102"), night=TODAY),
        CloseNight(night=NightId.of(RoomId("101"), TODAY), day=TODAY),
        desk.CloseDay(house=GRAND, day=TODAY),
        desk.NightOf(room=RoomId("101"), night=TODAY),
        desk.DailySheet(house=GRAND, day=TODAY),
        desk.GuestProfile(guest=GUEST),
    ],
)

LAMP, CHAIR, CUSTOMER = ProductId("lamp"), ProductId("chair"), UserId("uma")


def _place(order: str, product: ProductId = LAMP) -> PlaceOrder:
    line = OrderLine(product=product, quantity=1, price=Money.of(10, "EUR"))
    return PlaceOrder(order=OrderId(order), customer=CUSTOMER, lines=[line], ship_to="here")


def _pay(order: str) -> PayOrder:
    return PayOrder(order=OrderId(order), card="good")


def _register(user: UserId) -> RegisterUser:
    return RegisterUser(user=user, email=f"{user}@example.org")


WEBSHOP = Play(
    System("webshop", contexts=[checkout, fulfilment, identity, inventory], relations=webshop.relations),
    before=[
        _register(CUSTOMER),
        ReceiveStock(product=StockItem("lamp"), quantity=10),
        _place("o-1"),
        _place("o-4", CHAIR),
    ],
    last=[_register(UserId("vic")), _place("o-2"), _pay("o-1"), _pay("o-2")],
    probes=[
        _register(UserId("wim")),
        _place("o-3"),
        _pay("o-3"),
        ReceiveStock(product=StockItem("chair"), quantity=1),
        FindOrder(order=OrderId("o-1")),
        FindShipment(order=ShippedOrder("o-1")),
        OnHand(product=StockItem("lamp")),
    ],
)

BAZAAR = Play(
    System("bazaar", contexts=[bazaar.stalls, bazaar.stock, bazaar.parcels], relations=bazaar.between_three),
    before=[bazaar.Sell(item="pot")],
    last=[bazaar.Sell(item="pan")],
    probes=[
        bazaar.Sell(item="cup"),
        bazaar.Reserve(item="cup"),
        bazaar.Show(item="cup"),
        bazaar.Pack(item="cup"),
        bazaar.Prices(item="cup"),
        bazaar.Left(item="cup"),
    ],
)
