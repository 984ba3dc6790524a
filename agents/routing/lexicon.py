"""The words of other languages and the synonyms that requests are made of, read from `prompts/routing/`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .words import Piece, plain, stem

# Words that tell a language apart from English; those that several languages share count for each.
_FUNCTION_WORDS = {
    "en": "the of and is are in to for how many what which with do does did me my our we i it this that on by from any "
    "have has there was were be can not all each per than there show give where when who why please you they",
    "de": "der die das den dem des und ist sind wie viele welche welcher welches mit fur von im ein eine einen nicht "
    "gibt es wir haben hat zu auf nach pro zeig mir bitte bei aus uber kann ich alle wo was sich werden wird hier sie",
    "fr": "le la les des du de et est sont combien quels quelles quel quelle avec pour dans un une sur par y il nous "
    "avons ont qui que ne pas moi l d s qu au aux ces cette je les plus montre moyen entre",
    "es": "el la los las de y es son cuantos cuantas cual cuales con para en un una por hay que no se del al tienen "
    "tenemos muestrame dame como estan mas quiero entre sus cada esta este",
    "it": "il lo la i gli le di e sono quanti quante quali quale con per in un una che non del della dei delle degli "
    "ci si mostrami dammi come piu nel nella tra ogni questa questo quanto",
    "pt": "o a os as de e sao quantos quantas qual quais com para em um uma por ha que nao do da dos das no na nos nas "
    "mostra mostre quero como mais entre cada esta este tem quanto ao",
    "nl": "de het een en is zijn hoeveel welke met voor van in op niet er wij hebben heeft naar per toon mij zijn die "
    "dat deze hoe ik alle waar wat zitten staan tussen worden kan je",
    "pl": "i jest sa ile jakie ktore jaka jaki z dla w na nie czy do mi pokaz jak od po za wszystkie sie ma maja "
    "te tej tych tym co przez lub",
    "sv": "och ar hur manga vilka vilken med for av i ett en inte finns vi har till per visa mig det som den om pa",
    "da": "og er hvor mange hvilke med for af i et en ikke findes vi har til vis mig det som der den hvilken",
    "tr": "ve mi mu kac hangi ile icin bir var ne nasil bu her gore en olan bana da de",
    "cs": "a je jsou kolik ktere ktery s pro v na ne mi jak od podle vsechny se ma jaky jaka nejsou kde",
}


@dataclass(frozen=True)
class Lexicon:
    """Words and what they stand for.

    Attributes:
        foreign: by language, words and (with the star taken off) beginnings of words, each with its English meaning.
        alike: a word or phrase of stems, with the things it may name.
    """

    foreign: dict[str, tuple[dict[str, str], dict[str, str]]]
    alike: dict[str, frozenset[str]]

    def meaning(self, word: str, language: str) -> str | None:
        """Return the English word for a word of another language; compounds are taken apart (`Kundennummer`)."""
        if language not in self.foreign:
            return None
        whole, beginnings = self.foreign[language]
        if word in whole:
            return whole[word]
        found = _longest_beginning(word, beginnings)
        if found and len(word) - len(found) <= 4:
            return beginnings[found]
        compound = self._compound(word, language) if language in ("de", "nl", "sv", "da") else None
        return compound or (beginnings[found] if found and len(found) >= 4 else None)

    def _compound(self, word: str, language: str) -> str | None:
        whole, beginnings = self.foreign[language]
        for cut in range(len(word) - 3, 3, -1):
            right = whole.get(word[cut:]) or self._short(word[cut:], beginnings)
            left = None
            for linked in (word[:cut], word[: cut - 1], word[: cut - 2]):
                left = left or (whole.get(linked) or self._short(linked, beginnings) if len(linked) > 2 else None)
            if left and right:
                return f"{left} {right}"
        return None

    @staticmethod
    def _short(word: str, beginnings: dict[str, str]) -> str | None:
        found = _longest_beginning(word, beginnings)
        return beginnings[found] if found and len(found) >= 3 and len(word) - len(found) <= 3 else None

    def names(self, phrase: str) -> frozenset[str]:
        """Return the things that a phrase of stems may name; a single word names itself at least.

        >>> "old" in load_lexicon().names("oldest")
        True
        """
        if phrase in self.alike:
            return self.alike[phrase]
        if " " in phrase:
            return frozenset()
        base = next((base for base in _bases(phrase) if base in self.alike), None)
        return self.alike[base] | {phrase} if base else frozenset((phrase,))


def _bases(word: str) -> list[str]:
    """Return what an inflected word may come from: `oldest`, `larger`, `heaviest`, `booked`, `shipping`."""
    found: list[str] = []
    for ending in ("est", "er", "ed", "ing", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            cut = word[: -len(ending)]
            found += [cut, cut + "e", *([cut[:-1] + "y"] if cut[-1] == "i" else [])]
            found += [cut[:-1]] if cut[-1] == cut[-2] else []
    return found


def language_of(parts: list[Piece], english: Callable[[str], bool]) -> str:
    """Guess the language of a text from its small words; English unless another has clearly more of them.

    Args:
        parts: the words of the text.
        english: tells whether a word is known to be English.
    """
    seen = [part.plain for part in parts if part.plain.isalpha()]
    scores = {language: _score(seen, language) for language in _function_words() if language != "en"}
    own = _function_words()["en"]
    mine = sum(1.0 if word in own else 0.6 * english(word) * (len(word) > 2) for word in seen)
    foreign = max(scores, key=lambda name: scores[name])
    return foreign if scores[foreign] > mine + 0.2 else "en"


def _score(seen: list[str], language: str) -> float:
    """Count small words of a language as one, words of some length that its glossary knows as a half."""
    whole, beginnings = load_lexicon().foreign.get(language, ({}, {}))
    small = _function_words()[language]
    known = (len(word) > 3 and (word in whole or bool(_longest_beginning(word, beginnings))) for word in seen)
    return sum(1.0 if word in small else 0.6 * hit for word, hit in zip(seen, known, strict=True))


def _longest_beginning(word: str, beginnings: dict[str, str]) -> str | None:
    return next((word[:size] for size in range(len(word), 1, -1) if word[:size] in beginnings), None)


@cache
def _function_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}


@cache
def load_lexicon() -> Lexicon:
    """Read the glossary and the synonyms, once in a process."""
    return Lexicon(_glossary(read_lines("glossary.txt")), _synonyms(read_lines("synonyms.txt")))


def read_lines(name: str) -> list[tuple[str, str]]:
    """Read the lines `key: rest` of a file of `prompts/routing/`."""
    text = (files("refinery.prompts") / "routing" / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(key.strip(), rest) for key, _, rest in (line.partition(":") for line in lines)]


def _glossary(lines: list[tuple[str, str]]) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = defaultdict(lambda: ({}, {}))
    for english, rest in lines:
        for part in rest.split("|"):
            language, *words = part.split()
            for word in words:
                known = found[language][word.endswith("*")]
                known.setdefault(plain(word.rstrip("*")).replace("_", " "), english.replace("_", " "))
    return dict(found)


def _synonyms(lines: list[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Read what words may name; a head with a tilde is a sort of thing, and no word itself."""
    found: dict[str, set[str]] = defaultdict(set)
    for head, rest in lines:
        sort = head.startswith("~")
        name = head if sort else _stems(head)
        for phrase in (*(() if sort else (head,)), *rest.split(",")):
            stems = _stems(phrase)
            found[stems].add(name)
            if " " not in stems:
                found[stems].add(stems)
    return {phrase: frozenset(names) for phrase, names in found.items()}


def _stems(phrase: str) -> str:
    return " ".join(stem(plain(word)) for word in phrase.replace("'", " ").split())
