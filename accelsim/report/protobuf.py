"""Protocol buffers on the wire: just what a trace needs, written field by field.

Encoding: protobuf.dev/programming-guides/encoding. A field is its number and wire type,
then a varint, or the length of what follows; this file knows no schema.
"""

VARINT, LENGTH = 0, 2  # wire types
WORD = 1 << 64  # negative numbers are written as their two's complement


def varint(number: int) -> bytes:
    """Return a whole number in groups of 7 bits, the lowest first."""
    number %= WORD
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def whole(field: int, number: int) -> bytes:
    """Return a field that is a whole number, a truth value or an enumeration."""
    return varint(field << 3 | VARINT) + varint(number)


def packed(field: int, numbers: list[int]) -> bytes:
    """Return a repeated field of whole numbers."""
    return nested(field, b"".join(map(varint, numbers))) if numbers else b""


def text(field: int, words: str) -> bytes:
    """Return a field that is a string."""
    return nested(field, words.encode())


def nested(field: int, message: bytes) -> bytes:
    """Return a field that is a message, or bytes."""
    return varint(field << 3 | LENGTH) + delimited(message)


def delimited(message: bytes) -> bytes:
    """Return a message behind its length, as it stands in a file of messages."""
    return varint(len(message)) + message
