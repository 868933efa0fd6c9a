"""How a link protects and packs its bits: correction, frames, headers, retry."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accelsim.specs.figure import Bytes, EnergyPerBit, NamedSpec, Share, Time

Count = Annotated[int, Field(ge=0, le=65_536)]


class CodeSpec(NamedSpec):
    """A mode of forward error correction with the frames that it carries.

    Attributes
    ----------
    method : str
        reed-solomon; flit: bytes of three groups in turn, each correcting one; none.
    symbols, data, symbol_bits : int
        Of a codeword or flit; data is what is left for the transcoded stream.
    interleave : int
        Codewords that take turns, symbol by symbol.
    inner : int
        Length of an extended Hamming code beneath, 0 for none.
    transcoding : share
        Of the code's data that is the stream's, such as 256/257.
    decode : time
        From the last symbol to corrected data.
    energy : energy per bit
        Of coding and decoding.
    frame, payload : bytes
        What is lost and sent again as one, and what of it carries packets.
    aligned : bool
        A frame lies in one codeword; others may touch two.
    header, quantum, largest : bytes
        Of a packet: its header, what its size is rounded up to, its largest payload.
    replay : str
        What a lost frame causes: go-back-n, selective, or none.
    replay_time : time
        From a bad frame's end to the order to repeat, and from there to the repetition.
    crc_bits : int
        Of a frame: a loss passes unseen once in 2^crc_bits.
    target : float
        Ratio of lost frames, before retry, that the standard asks for.
    buffer : bytes
        Of a port's receiver, for which it gives credits.
    """

    method: Literal["reed-solomon", "flit", "none"]
    symbols: Annotated[int, Field(gt=0, le=65_536)]
    data: Annotated[int, Field(gt=0, le=65_536)]
    symbol_bits: Annotated[int, Field(gt=0, le=16)]
    interleave: Annotated[int, Field(gt=0, le=64)] = 1
    inner: Count = 0
    transcoding: Share
    decode: Time
    energy: EnergyPerBit
    frame: Bytes
    payload: Bytes
    aligned: bool = False
    header: Bytes
    quantum: Bytes
    largest: Bytes
    replay: Literal["go-back-n", "selective", "none"]
    replay_time: Time
    crc_bits: Count
    target: Annotated[float, Field(gt=0.0, lt=1.0)]
    buffer: Bytes

    @property
    def correct(self) -> int:
        """Return how many symbols of a codeword are corrected."""
        return (self.symbols - self.data) // 2 if self.method != "none" else 0

    @property
    def share(self) -> float:
        """Return what of the raw bits is the stream of frames."""
        inner = (self.inner - 8) / self.inner if self.inner else 1.0
        return self.data / self.symbols * inner * float(self.transcoding)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.data > self.symbols:
            raise ValueError(f"data {self.data} is more than symbols {self.symbols}")
        if self.inner not in (0, 128):
            raise ValueError(f"inner {self.inner} must be 0 or 128")
        if float(self.payload) > float(self.frame):
            raise ValueError(f"payload {self.payload.text} is more than the frame")
        if self.method == "reed-solomon" and self.symbols >= 2**self.symbol_bits:
            raise ValueError(f"symbols must be fewer than 2^{self.symbol_bits}")
        return self
