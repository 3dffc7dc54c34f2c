"""What is decoded next: every running answer, then prompts in order of arrival, in chunks."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.engines.context import Chunk, Limits
from appliance.engines.seats import Seat, Seats


def compose(seats: Seats, limits: Limits) -> list[Chunk]:
    """Return the next batch; empty when nobody sits."""
    is_anybody_answering = any(seat.is_answering for seat in seats.running)
    running = seats.next_turn()
    chunks = _answers((seat for seat in running if seat.is_answering), limits)
    room = limits.batch_tokens - sum(len(chunk.tokens) for chunk in chunks)
    if is_anybody_answering:
        room = min(room, limits.chunk_tokens)
    reading = (seat for seat in running if not seat.is_answering)
    return [*chunks, *_prompts(reading, room=room, enough=limits.enough_tokens)]


def _answers(answering: Iterable[Seat], limits: Limits) -> list[Chunk]:
    """Return a token of each answer, with guesses as far as there is room for them."""
    seats = list(answering)
    to_guess = min(limits.batch_tokens - len(seats), limits.guessed_tokens)
    chunks: list[Chunk] = []
    for seat in seats:
        chunks.append(seat.answer_chunk(to_guess))
        to_guess -= chunks[-1].guessed
    return chunks


def _prompts(reading: Iterable[Seat], *, room: int, enough: int) -> list[Chunk]:
    """Return chunks of at most `room` tokens in all; none is begun past `enough` of them."""
    chunks: list[Chunk] = []
    read = 0
    for seat in reading:
        if read >= min(room, enough):
            break
        chunks.append(seat.chunk(room - read))
        read += len(chunks[-1].tokens)
    return chunks
