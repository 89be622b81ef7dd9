"""Numbers in few bytes: what the online record is written with. Everything comes back bit for bit.

A column of integers is written in one of two ways. `fixed` gives every number the bits that the widest needs once the
smallest is subtracted (frame of reference; Goldstein, Ramakrishnan, Shaft 1998): right for ids and codes. `ragged` gives
each the bytes that it needs and writes the byte counts beside them (as in Stream VByte; Lemire, Kurz, Rupp 2018): right for
gaps, most of which are small. Both are a few numpy calls however long the column.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

Uints = NDArray[np.uint64]
_MAX_ROWS = 2**24  # a longer column is damage, and would fill the memory before it showed
_BYTES = np.arange(8, dtype=np.uint64)
_FIRST_OF_SIZE = np.array([256**size for size in range(8)], dtype=np.uint64)  # the smallest number that needs byte `size`


class Malformed(ValueError):
    """Bytes that no `ByteWriter` wrote."""


class ByteWriter:
    """Appends to a buffer. The reader must ask for the same things in the same order."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def bytes(self) -> bytes:
        return bytes(self._buffer)

    def uint(self, number: int) -> None:
        """A number >= 0 in groups of seven bits (LEB128)."""
        while number > 0x7F:
            self._buffer.append(number & 0x7F | 0x80)
            number >>= 7
        self._buffer.append(number)

    def real(self, number: float) -> None:
        """A float64."""
        self._buffer += struct.pack("<d", number)

    def floats(self, column: NDArray[np.float32]) -> None:
        self._buffer += column.astype("<f4", copy=False).tobytes()

    def text(self, words: str) -> None:
        encoded = words.encode()
        self.uint(len(encoded))
        self._buffer += encoded

    def fixed(self, column: Uints) -> None:
        """Integers [n], each in the bits of the widest."""
        if not len(column):
            return
        low = int(column.min())
        spread = column - np.uint64(low)
        width = int(spread.max()).bit_length()
        self.uint(low)
        self.uint(width)
        if width:
            bits = np.unpackbits(spread.view(np.uint8).reshape(-1, 8), axis=1, count=width, bitorder="little")
            self._buffer += np.packbits(bits, bitorder="little").tobytes()

    def ragged(self, column: Uints) -> None:
        """Integers [n], each in the bytes it needs."""
        if not len(column):
            return
        needed = column[:, None] >= _FIRST_OF_SIZE
        self.fixed(needed.sum(axis=1, dtype=np.uint64))
        self._buffer += column.view(np.uint8).reshape(-1, 8)[needed].tobytes()


class ByteReader:
    """Reads what a `ByteWriter` wrote. Raises Malformed for bytes that end too early."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def finished(self) -> bool:
        return self._at == len(self._raw)

    def uint(self) -> int:
        number = 0
        for shift in range(0, 64, 7):
            [octet] = self._take(1)
            number |= (octet & 0x7F) << shift
            if octet < 0x80 and number < 2**64:
                return number
        raise Malformed("an integer of more than 64 bits")

    def real(self) -> float:
        return float(struct.unpack("<d", self._take(8))[0])

    def floats(self, n: int) -> NDArray[np.float32]:
        return np.frombuffer(self._take(4 * n), dtype="<f4").astype(np.float32)

    def text(self) -> str:
        try:
            return self._take(self.uint()).decode()
        except UnicodeDecodeError as error:
            raise Malformed(str(error)) from error

    def fixed(self, n: int) -> Uints:
        if not n:
            return np.empty(0, dtype=np.uint64)
        low, width = self.uint(), self.uint()
        if n > _MAX_ROWS or width > 64:
            raise Malformed(f"{n} integers of {width} bits")
        if not width:
            return np.full(n, low, dtype=np.uint64)
        packed = np.frombuffer(self._take((n * width + 7) // 8), dtype=np.uint8)
        bits = np.zeros((n, 64), dtype=np.uint8)
        bits[:, :width] = np.unpackbits(packed, count=n * width, bitorder="little").reshape(n, width)
        return np.packbits(bits, axis=1, bitorder="little").view("<u8").ravel().astype(np.uint64) + np.uint64(low)

    def ragged(self, n: int) -> Uints:
        if not n:
            return np.empty(0, dtype=np.uint64)
        sizes = self.fixed(n)
        if sizes.max() > 8:
            raise Malformed(f"an integer of {sizes.max()} bytes")
        octets = np.zeros((n, 8), dtype=np.uint8)
        octets[sizes[:, None] > _BYTES] = np.frombuffer(self._take(int(sizes.sum())), dtype=np.uint8)
        return octets.view("<u8").ravel().astype(np.uint64)

    def _take(self, n: int) -> bytes:
        end = self._at + n
        if end > len(self._raw):
            raise Malformed(f"it ends after {len(self._raw)} bytes, {end - len(self._raw)} too early")
        taken = self._raw[self._at : end]
        self._at = end
        return taken
