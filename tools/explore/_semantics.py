"""What texts and numbers mean: e-mail, phone, price, place … with how sure one can be."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..kinds import CODE_WORDS
from ..placeholders import stands_for_missing
from ..readings import FLAG_PAIRS, datetime_format, name_words, reads_as_number

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(?:\.[^@\s,;.]+)+")
_URL = re.compile(r"(?:https?|ftp)://\S+|www\.[\w-]+\.\S+", re.IGNORECASE)
_UUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_PHONE = re.compile(r"(?:\+|00)?\(?\d[\d\s().\-/]{5,18}\d(?:\s?(?:x|ext\.?)\s?\d{1,5})?")
_SIGNS = r"[$€£¥₹₩₽₺₫฿]|USD|EUR|GBP|JPY|CHF|CAD|AUD|INR|CNY"
_AMOUNT = r"[+-]?\(?\d{1,3}(?:[,. '\u00a0]\d{3})*(?:[.,]\d{1,2})?\)?|[+-]?\d+(?:[.,]\d+)?"
_CURRENCY = re.compile(rf"[+-]?(?:(?:{_SIGNS})\s?(?:{_AMOUNT})|(?:{_AMOUNT})\s?(?:{_SIGNS}))")
_PERCENT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s?%")
_UNIT = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s?([A-Za-zµ°Ω][A-Za-zµ°Ω.²³/ ]{0,14})")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[,. '\u00a0]\d{3})+(?:[.,]\d+)?|[+-]?\d+,\d+")
_PADDED = re.compile(r"0\d+")
_NATIONAL_ID = re.compile(r"\d{3}-\d{2}-\d{4}")
_POSTCODE = re.compile(
    r"\d{4,6}|\d{5}-\d{3,4}|\d{3}-\d{4}|\d{2}-\d{3}|\d{4}\s?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d",
    re.IGNORECASE,
)
_PAIR = re.compile(r"\(?\s*[+-]?\d{1,2}\.\d+\s*[,; ]\s*[+-]?\d{1,3}\.\d+\s*\)?")

_STATE_CODES = """
    al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or pa ri
    sc sd tn tx ut vt va wa wv wi wy dc pr gu vi as mp
"""
US_STATES = frozenset(_STATE_CODES.split())
_ONE_WORD_COUNTRIES = """
    afghanistan albania algeria argentina armenia australia austria azerbaijan bahrain bangladesh belarus belgium
    bolivia brazil bulgaria cambodia cameroon canada chile china colombia croatia cuba cyprus czechia denmark ecuador
    egypt england estonia ethiopia finland france georgia germany ghana greece guatemala hungary iceland india indonesia
    iran iraq ireland israel italy jamaica japan jordan kazakhstan kenya kuwait latvia lebanon libya lithuania
    luxembourg malaysia malta mexico moldova mongolia morocco mozambique myanmar nepal netherlands nicaragua nigeria
    norway oman pakistan panama paraguay peru philippines poland portugal qatar romania russia rwanda scotland senegal
    serbia singapore slovakia slovenia somalia spain sudan sweden switzerland syria taiwan tanzania thailand tunisia
    turkey uganda ukraine uruguay usa uzbekistan venezuela vietnam wales yemen zambia zimbabwe
"""
COUNTRIES = frozenset(_ONE_WORD_COUNTRIES.split()) | {
    *("united states", "united states of america", "united kingdom", "south korea", "north korea", "south africa"),
    *("saudi arabia", "new zealand", "sri lanka", "costa rica", "dominican republic", "czech republic", "hong kong"),
    *("el salvador", "puerto rico", "united arab emirates", "ivory coast", "bosnia and herzegovina", "north macedonia"),
}
_TWO_LETTERS = """
    ae ar at au be bg br ca ch cl cn co cy cz de dk ee eg es fi fr gb gr hk hr hu id ie il in is it jp ke kr lt lu lv
    ma mt mx my ng nl no nz pe ph pk pl pt ro rs ru sa se sg si sk th tr tw ua uk us vn za
"""
_COUNTRY_CODES = frozenset(_TWO_LETTERS.split())


@dataclass(frozen=True)
class Guess:
    """One meaning with the share of values that have its form, how sure that makes one, and the form."""

    semantic: str
    confidence: float
    form: str = ""
    share: float = 1.0


@dataclass(frozen=True)
class TextForm:
    """A meaning of texts: its form, the words in names that speak for it, how far the form alone convinces."""

    semantic: str
    holds: Callable[[str], bool]
    names: frozenset[str]
    alone: float
    form: str = ""


def _is_ip(text: str) -> bool:
    if not ("." in text or ":" in text) or len(text) > 43:
        return False
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return text.count(".") == 3 or text.count(":") >= 2


def _is_json(text: str) -> bool:
    if text[:1] not in "{[" or text[-1:] not in "}]":
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_phone(text: str) -> bool:
    return (
        _PHONE.fullmatch(text) is not None and 7 <= sum(map(str.isdigit, text)) <= 15 and datetime_format(text) is None
    )


def _has_marks(text: str) -> bool:
    """Tell whether a phone number is written as one and could not be a mere number."""
    if _NATIONAL_ID.fullmatch(text):
        return False
    return _is_phone(text) and (text[0] in "+(" or sum(text.count(mark) for mark in "-. ()/") >= 2)


def _full(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _words(*words: str) -> frozenset[str]:
    return frozenset(words)


FORMS: tuple[TextForm, ...] = (
    TextForm("email", _full(_EMAIL), _words("email", "mail", "e"), 0.99),
    TextForm("url", _full(_URL), _words("url", "link", "website", "web", "homepage"), 0.99),
    TextForm("uuid", _full(_UUID), _words("uuid", "guid", "id"), 0.99),
    TextForm("ip", _is_ip, _words("ip", "address", "host"), 0.97),
    TextForm("json", _is_json, _words("json", "payload", "data"), 0.97),
    TextForm("currency", _full(_CURRENCY), _words("price", "amount", "cost", "fee", "salary", "total"), 0.98),
    TextForm(
        "percentage", _full(_PERCENT), _words("percent", "pct", "percentage", "rate", "share"), 0.98, "number with %"
    ),
    TextForm(
        "geo", _full(_PAIR), _words("location", "coordinates", "latlon", "latlng", "position", "geo"), 0.85, "lat, lon"
    ),
    TextForm("phone", _has_marks, _words("phone", "telephone", "tel", "mobile", "fax", "cell"), 0.9),
    TextForm("phone", _is_phone, _words("phone", "telephone", "tel", "mobile", "fax", "cell"), 0.3),
    TextForm("postal_code", _full(_POSTCODE), _words("zip", "zipcode", "postcode", "postal", "plz"), 0.3),
)
_STATE_WORDS = frozenset({"state", "province", "st"})
_COUNTRY_WORDS = frozenset({"country", "nation", "nationality"})
_CITY_WORDS = frozenset({"city", "town", "municipality"})
_LATITUDE, _LONGITUDE = frozenset({"lat", "latitude"}), frozenset({"lon", "lng", "long", "longitude"})
_LABELS = CODE_WORDS | {"number", "no", "nr", "account", "tel", "telephone", "mobile", "plz"}
_MONEY_WORDS = frozenset(
    {"price", "cost", "fee", "fare", "salary", "revenue", "tip", "tolls", "surcharge", "tax", "income"}
)
_PERCENT_WORDS = frozenset({"percent", "pct", "percentage"})


@dataclass(frozen=True)
class Texts:
    """Different texts of a column with their counts, trimmed; what stands for missing is set aside."""

    name: str
    counts: Counter[str]
    missing: int

    @classmethod
    def of(cls, name: str, values: Sequence[str], counts: Sequence[int]) -> Texts:
        """Trim texts, and set apart those that stand for missing."""
        folded = {value.strip().lower() for value in values}
        kept: Counter[str] = Counter()
        missing = 0
        for value, count in zip(values, counts, strict=True):
            if stands_for_missing(value, folded):
                missing += count
            else:
                kept[value.strip()] += count
        return cls(name, kept, missing)

    def share(self, holds: Callable[[str], bool]) -> float:
        """Return the share of rows whose text has a form."""
        total = self.counts.total()
        return sum(count for text, count in self.counts.items() if holds(text)) / total if total else 0.0


def guess_text(texts: Texts) -> list[Guess]:
    """Return the meanings that a column of texts may have, the likeliest first; those of few values are left out."""
    words = frozenset(name_words(texts.name))
    guesses = [_guess_form(texts, form, words) for form in FORMS]
    guesses += [*_guess_numbers(texts, words), _guess_dates(texts), _guess_flags(texts), *_guess_places(texts, words)]
    best: dict[str, Guess] = {}
    for guess in guesses:
        if guess.confidence >= 0.2 and guess.confidence > best.get(guess.semantic, Guess("", 0)).confidence:
            best[guess.semantic] = guess
    return sorted(best.values(), key=lambda guess: -guess.confidence)


def _sure(share: float, alone: float, named: bool) -> float:
    """Return the confidence of a form that a share of values has; a name that says the same takes most doubt."""
    base = max(alone, 0.95) if named else alone
    # A few values out of form are typos; many are another meaning.
    return base * share**0.5 if share >= 0.5 else base * share


def _guess_form(texts: Texts, form: TextForm, words: frozenset[str]) -> Guess:
    share = texts.share(form.holds)
    named = bool(words & form.names) and share > 0
    return Guess(form.semantic, _sure(share, form.alone, named), form.form, share)


def _guess_numbers(texts: Texts, words: frozenset[str]) -> list[Guess]:
    def is_plain(text: str) -> bool:
        return reads_as_number(text) or _GROUPED.fullmatch(text) is not None

    plain, percent = texts.share(is_plain), texts.share(_full(_PERCENT))
    unit = texts.share(_full(_UNIT))
    # Digits under such a name, or with zeros before them, are labels.
    padded = texts.share(_full(_PADDED)) >= 0.02
    alone = 0.4 if padded or words & _LABELS else 0.97
    guesses: list[Guess] = []
    if padded and plain >= 0.5:
        kind = "id" if texts.counts.total() == len(texts.counts) > 8 else "categorical"
        guesses.append(Guess(kind, _sure(plain, 0.85, named=False), "digits with leading zeros", plain))
    guesses += [Guess("numeric", _sure(plain, alone, named=False), "plain number", plain)] if plain else []
    if percent and plain:
        both = plain + percent
        form = f"number, {percent:.0%} of them with %"
        guesses.append(Guess("percentage", _sure(both, 0.96, named=False), form, both))
    if unit + plain >= 0.5 and unit >= 0.2:
        units = _units(texts)
        usual, times = units.most_common(1)[0]
        # A few units, however spelt, are a measure; a street address begins with a number as well.
        if len(units) <= 12 and times >= 2 and " " not in usual:
            spelt = ", ".join(repr(spelling) for spelling, _ in units.most_common(6))
            guesses.append(
                Guess("numeric", _sure(unit + plain, 0.95, named=False), f"number with unit: {spelt}", unit + plain)
            )
    return guesses


def _units(texts: Texts) -> Counter[str]:
    units: Counter[str] = Counter()
    for text, count in texts.counts.items():
        if match := _UNIT.fullmatch(text):
            units[match[2].strip()] += count
    return units


def _guess_dates(texts: Texts) -> Guess:
    formats: Counter[str] = Counter()
    for text, count in texts.counts.items():
        if found := datetime_format(text):
            formats[found] += count
    share = formats.total() / max(1, texts.counts.total())
    alone = 0.3 if set(formats) == {"YYYYMMDD"} and not {"date", "day"} & set(name_words(texts.name)) else 0.98
    return Guess("datetime", _sure(share, alone, named=False), describe_formats(formats), share)


def describe_formats(formats: Counter[str]) -> str:
    """Name the formats of dates; where day and month could be exchanged, the others of the column decide."""
    settled: Counter[str] = Counter()
    for label, count in formats.items():
        options = label.removesuffix(" time").split(" or ")
        plain = [option for option in options if option in {known.removesuffix(" time") for known in formats}]
        tail = " time" if label.endswith(" time") else ""
        settled[(plain[0] + tail) if len(options) == 2 and len(plain) == 1 else label] += count
    return ", ".join(label for label, _ in settled.most_common(4))


def _guess_flags(texts: Texts) -> Guess:
    folded = Counter[str]()
    for text, count in texts.counts.items():
        folded[text.lower()] += count
    for pair in FLAG_PAIRS:
        share = sum(folded[word] for word in pair) / max(1, folded.total())
        if all(folded[word] for word in pair) and share >= 0.5:
            return Guess("boolean", _sure(share, 0.97, named=False), "/".join(sorted(pair)), share)
    return Guess("boolean", 0.0)


def _guess_places(texts: Texts, words: frozenset[str]) -> list[Guess]:
    """Guess at places; a country or a state is known by its name, a city by the column's alone."""
    states = texts.share(lambda text: text.lower() in US_STATES)
    countries = texts.share(lambda text: text.lower() in COUNTRIES)
    codes = texts.share(lambda text: text.lower() in _COUNTRY_CODES)
    many = len(texts.counts) >= 3
    letters = texts.share(lambda text: bool(text) and not any(map(str.isdigit, text)))
    guesses = [
        Guess("geo", _sure(countries, 0.95 if many else 0.6, bool(words & _COUNTRY_WORDS)), "country", countries)
    ]
    if words & _STATE_WORDS:
        guesses.append(Guess("geo", _sure(states, 0.95, named=True), "state of the USA", states))
    elif len(texts.counts) >= 15:
        guesses.append(Guess("geo", _sure(states, 0.85, named=False), "state of the USA", states))
    if words & _COUNTRY_WORDS:
        guesses.append(Guess("geo", _sure(codes, 0.95, named=True), "country code", codes))
    if words and list(name_words(texts.name))[-1] in _CITY_WORDS:
        guesses.append(Guess("geo", 0.9 * letters, "city", letters))
    return guesses


def guess_number(name: str, minimum: float | None, maximum: float | None, *, integer: bool) -> list[Guess]:
    """Return the meanings that a numeric column may have beside its kind."""
    words = frozenset(name_words(name))
    low, high = (-1.0, -1.0) if minimum is None or maximum is None else (float(minimum), float(maximum))
    guesses = []
    if words & _LATITUDE and low >= -90 and high <= 90:
        guesses.append(Guess("geo", 0.95, "latitude"))
    if words & _LONGITUDE and low >= -180 and high <= 180 and not integer:
        guesses.append(Guess("geo", 0.95, "longitude"))
    if words & _PERCENT_WORDS and low >= -100 and high <= 1000:
        guesses.append(Guess("percentage", 0.9, "0 to 1" if low >= 0 and high <= 1 else "0 to 100"))
    if integer and words & _words("zip", "zipcode", "postcode", "postal", "plz") and low >= 0 and high < 10**6:
        guesses.append(Guess("postal_code", 0.9, "digits; leading zeros may be lost"))
    if integer and words & _words("phone", "telephone", "mobile", "fax") and low >= 10**6 and high < 10**15:
        guesses.append(Guess("phone", 0.9, "digits; a leading zero or plus may be lost"))
    money = bool(words & _MONEY_WORDS) or {"total", "amount"} <= words
    if money and not words & _words("rate", "id", "count", "code", "type"):
        guesses.append(Guess("currency", 0.85, "no currency given"))
    if integer and words & _words("timestamp", "epoch", "ts", "time", "at") and low >= 10**8 and high < 2 * 10**12:
        guesses.append(Guess("datetime", 0.85, "milliseconds since 1970" if low > 10**11 else "seconds since 1970"))
    if integer and words & _words("date", "day", "dt") and low >= 19000101 and high <= 21001231:
        guesses.append(Guess("datetime", 0.85, "YYYYMMDD"))
    return guesses
