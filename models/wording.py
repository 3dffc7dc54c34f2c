"""Other ways to type the same ask: synonyms, shorthand, dropped words, typos, fillers."""

from __future__ import annotations

import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.stages.text import words
from models.more import thesaurus

STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "on",
        "for",
        "with",
        "is",
        "are",
        "was",
        "be",
        "been",
        "do",
        "does",
        "did",
        "can",
        "could",
        "may",
        "i",
        "we",
        "you",
        "he",
        "she",
        "it",
        "his",
        "her",
        "they",
        "them",
        "their",
        "our",
        "my",
        "your",
        "and",
        "or",
        "if",
        "at",
        "by",
        "as",
        "that",
        "this",
        "there",
        "from",
        "so",
        "me",
        "us",
        "am",
        "not",
        "no",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "de",
        "que",
        "en",
        "por",
        "para",
        "con",
        "es",
        "son",
        "se",
        "lo",
        "y",
        "o",
        "si",
        "su",
        "mi",
        "al",
        "del",
    ]
)
BEFORE = (
    "quick q",
    "hey",
    "customer asks",
    "customer wants to know",
    "hi",
    "question",
    "need to know",
    "just checking",
    "sorry",
    "remind me",
    "can you tell me",
    "anyone know",
    "so",
)
AFTER = ("pls", "please", "thanks", "asap", "customer waiting", "?", "??", "thx", "right", "help")
ABOUT = (
    "{}",
    "{}",
    "{}?",
    "what about {}",
    "rule for {}",
    "policy on {}",
    "{} policy",
    "how does {} work",
    "tell me about {}",
    "what do i do with {}",
    "is there a rule about {}",
    "{} how",
    "{} when",
    "when {}",
    "who {}",
    "how much {}",
    "how long {}",
    "can i {}",
    "do we {}",
    "rule: {}",
    "any rule for {}",
    "what does the book say about {}",
    "what is said on {}",
    "{} help",
    "need info on {}",
    "not sure about {}",
    "i have a {} case",
    "customer asks about {}",
    "what goes for {}",
    "{}, what now",
    # Requests as strays make them too ("summarize hamlet"): the verb must not tell them apart.
    "describe {}",
    "clarify {}",
    "walk me through {}",
    "summarize {}",
    "show me {}",
    "teach me {}",
)
ABOUT_ES = (
    "{}",
    "{}?",
    "qué pasa con {}",
    "regla de {}",
    "cómo es {}",
    "cuándo {}",
    "cuánto {}",
    "política de {}",
    "quién {}",
    "qué dice la regla de {}",
    "el cliente pregunta por {}",
    "se puede {}",
    "hay regla para {}",
)
# Never trained on: the exam's frames.
HELD_OUT_ABOUT = (
    "{} rules please",
    "what do we say on {}",
    "explain {}",
    "need the rule about {}",
    "question about {}",
    "what happens with {}",
    "anything on {}",
    "what is our {}",
    "{} ?",
)
HELD_OUT_ABOUT_ES = ("explica {}", "norma sobre {}", "duda con {}", "qué hago con {}")
_KEYS = "qwertyuiop asdfghjkl zxcvbnm"


@dataclass(frozen=True)
class Wording:
    """Rewrites asks at random, by the chain's own lexicon."""

    synonyms: Mapping[str, tuple[str, ...]]
    shorthand: Mapping[str, tuple[str, ...]]  # word -> tokens that mean it

    @classmethod
    def read(cls, path: Path) -> Wording:
        """Return the wording of a lexicon.toml."""
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        groups: dict[str, set[str]] = defaultdict(set)
        for word, others in table["synonyms"].items():
            ring = {word, *others}
            for one in sorted(ring):  # a set is read in another order by every process
                groups[one.lower()] |= {o.lower() for o in ring} - {one.lower()}
        short: dict[str, set[str]] = defaultdict(set)
        for token, meaning in table["shorthand"].items():
            short[meaning.lower()].add(token.lower())
        return cls(
            {k: tuple(sorted(v)) for k, v in groups.items()},
            {k: tuple(sorted(v)) for k, v in short.items()},
        )

    def vary(self, rng: random.Random, text: str) -> str:
        """Return `text` as someone else might have typed it; a third of the time unchanged."""
        if rng.random() < 0.3:
            return text
        text = text.lower()
        draw = rng.random()
        if draw < 0.4:
            text = self._swap(rng, text, self.synonyms, share=0.5)
        elif draw < 0.7:
            text = thesaurus().reworded(rng, text, share=0.5)
        if rng.random() < 0.12:
            text = self._swap(rng, text, self.shorthand, share=0.7)
        said = text.split()
        if len(said) > 3 and rng.random() < 0.5:
            share = rng.choice((0.1, 0.2, 0.35))
            said = [w for w in said if rng.random() > share] or said
        if len(said) > 2 and rng.random() < 0.1:
            at = rng.randrange(len(said) - 1)
            said[at], said[at + 1] = said[at + 1], said[at]
        if rng.random() < 0.2:
            at = rng.randrange(len(said))
            said[at] = typo(rng, said[at])
        if rng.random() < 0.12:
            said = [rng.choice(BEFORE), *said]
        if rng.random() < 0.12:
            said = [*said, rng.choice(AFTER)]
        return " ".join(said)

    def keywords(self, rng: random.Random, text: str, title: str, *, spanish: bool) -> str:
        """Return an ask of a few telling words of a sentence and its title."""
        said = self._telling(rng, text, title, count=rng.choice((1, 2, 2, 3, 3, 4)), titled=0.6)
        if rng.random() < 0.25:
            said = thesaurus().reworded(rng, said, share=0.4)
        return rng.choice(ABOUT_ES if spanish else ABOUT).format(said)

    def in_spanish(
        self, rng: random.Random, text: str, title: str, *, held_out: bool = False
    ) -> str:
        """Return a Spanish ask of an English sentence: a few of its words that have a Spanish one.

        A sentence without such words is asked for in its own.
        """
        spanish = thesaurus().spanish
        pool = list(dict.fromkeys(w for w in words(f"{text} {title}") if w in spanish))
        if not pool:
            return self.keywords(rng, text, title, spanish=True)
        count = min(len(pool), 4 if held_out else rng.choice((2, 3, 3, 4)))
        kept = sorted(rng.sample(range(len(pool)), count))
        said = " ".join(rng.choice(spanish[pool[i]]) for i in kept)
        return rng.choice(HELD_OUT_ABOUT_ES if held_out else ABOUT_ES).format(said)

    def held_out_keywords(self, rng: random.Random, text: str, title: str, *, spanish: bool) -> str:
        """Return an exam's ask: enough telling words to mean one sentence, in a held-out frame."""
        said = self._telling(rng, text, title, count=rng.choice((3, 4)), titled=1.0)
        return rng.choice(HELD_OUT_ABOUT_ES if spanish else HELD_OUT_ABOUT).format(said)

    def _telling(
        self, rng: random.Random, text: str, title: str, *, count: int, titled: float
    ) -> str:
        own = [w for w in words(text) if w not in STOP and not w.isdigit()]
        wanted = min(len(own), count)
        start = sorted(rng.sample(range(len(own)), wanted))
        kept = [own[i] for i in start]
        topic = [w for w in words(title) if w not in STOP]
        if topic and rng.random() < titled:
            extra = rng.sample(topic, min(len(topic), rng.choice((1, 1, 2))))
            kept = [*extra, *kept] if rng.random() < 0.6 else [*kept, *extra]
        said = " ".join(dict.fromkeys(kept))
        return self._swap(rng, said, self.synonyms, share=0.35)

    def _swap(
        self, rng: random.Random, text: str, table: Mapping[str, Sequence[str]], *, share: float
    ) -> str:
        for word, others in table.items():
            if word in text and rng.random() < share:
                other = rng.choice(tuple(others))
                text = re.sub(rf"(?<!\w){re.escape(word)}s?(?!\w)", other.replace("\\", ""), text)
        return text


def typo(rng: random.Random, word: str) -> str:
    """Return `word` with one slip of the thumb; short words and numbers stay."""
    if len(word) < 4 or not word.isalpha():
        return word
    at = rng.randrange(1, len(word) - 1)
    slip = rng.randrange(4)
    if slip == 0:
        return word[:at] + word[at + 1 :]
    if slip == 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip == 2:
        return word[:at] + word[at] + word[at:]
    near = _KEYS.find(word[at].lower())
    return word[:at] + (_KEYS[near - 1].strip() or word[at]) + word[at + 1 :]
