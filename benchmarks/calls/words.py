"""The order of all variants, without remit in it."""

import msgspec

ORDER = {
    "order": "order-000123",
    "buyer": "ada.lovelace@example.org",
    "amount": 1250,
    "note": "please deliver before noon",
}
BODY = msgspec.json.encode(ORDER)


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """It by hand."""

    order: str
    buyer: str
    amount: int
    note: str


class Total(msgspec.Struct):
    """The answer by hand."""

    order: str
    total: int


read_order = msgspec.json.Decoder(Order).decode
read_total = msgspec.json.Decoder(Total).decode
write = msgspec.json.Encoder().encode
