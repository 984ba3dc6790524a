"""A made-up webshop: its customers, its goods and a month of its orders, as they should be.

Every draw comes from NumPy's `RandomState`, whose streams are frozen, and each column has a stream of its own: the
same seed gives the same orders on any machine, and a change to one column leaves the others as they are.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]

APRIL, MAY = "2026-04", "2026-05"
# The honest changes that a month may bring are none: these two are planted, and listed in `orders.py`.
MAY_SURCHARGE, DEVICE_SHARES = 2.2, {APRIL: (46, 44, 10), MAY: (60, 30, 10)}

# city, country, first digits of its postal codes, share of the customers
CITIES: tuple[tuple[str, str, str, float], ...] = (
    ("Berlin", "Germany", "10", 14), ("Hamburg", "Germany", "22", 9), ("Munich", "Germany", "80", 8),
    ("Cologne", "Germany", "50", 6), ("Frankfurt", "Germany", "60", 4), ("Dresden", "Germany", "01", 3),
    ("Stuttgart", "Germany", "70", 3), ("Freiburg", "Germany", "79", 1), ("Paris", "France", "75", 8),
    ("Lyon", "France", "69", 4), ("Marseille", "France", "13", 3), ("Toulouse", "France", "31", 2),
    ("Amsterdam", "Netherlands", "10", 5), ("Rotterdam", "Netherlands", "30", 3), ("Utrecht", "Netherlands", "35", 2),
    ("Vienna", "Austria", "11", 5), ("Graz", "Austria", "80", 2), ("Salzburg", "Austria", "50", 1),
    ("Milan", "Italy", "20", 4), ("Rome", "Italy", "00", 3), ("Turin", "Italy", "10", 2),
    ("Madrid", "Spain", "28", 4), ("Seville", "Spain", "41", 2), ("Brussels", "Belgium", "10", 3),
)  # fmt: skip
# country: dialling code, postage
COUNTRIES = {
    "Germany": ("+49 30", 4.2), "Austria": ("+43 1", 5.6), "Netherlands": ("+31 20", 5.6), "Belgium": ("+32 2", 5.9),
    "France": ("+33 1", 6.4), "Italy": ("+39 06", 7.2), "Spain": ("+34 91", 7.6),
}  # fmt: skip
# category: share of the orders, log of a usual price, kilograms, effect on returns, variants, products
CATEGORIES: dict[str, tuple[float, float, float, float, Sequence[str], Sequence[str]]] = {
    "Fashion": (0.34, 3.6, 0.5, 0.7, ("S", "M", "L", "XL"),
                ("Linen Shirt", "Rain Jacket", "Wool Jumper", "Slim Jeans", "Summer Dress", "Hooded Coat")),
    "Home": (0.22, 3.3, 1.9, -0.2, ("30 cm", "50 cm", "80 cm"),
             ("Floor Cushion", "Wall Shelf", "Round Mirror", "Jute Rug", "Storage Box", "Desk Lamp")),
    "Electronics": (0.18, 4.4, 0.9, 0.2, ("black", "white", "silver"),
                    ("Headphones", "USB Charger", "Smart Speaker", "Keyboard", "Web Camera", "Power Bank")),
    "Sports": (0.14, 3.7, 1.2, 0.0, ("junior", "women", "men"),
               ("Trail Shoes", "Yoga Mat", "Ski Gloves", "Bike Helmet", "Swim Goggles")),
    "Toys": (0.09, 3.0, 0.7, -0.4, ("small", "large"),
             ("Wooden Train", "Puzzle", "Plush Bear", "Board Game", "Kite")),
    "Garden": (0.03, 3.4, 3.2, -0.3, ("5 l", "10 l", "20 l"), ("Watering Can", "Flower Pot", "Rain Butt")),
}  # fmt: skip
CODES = {None: (0, 45), "SPRING10": (10, 25), "WELCOME5": (5, 20), "APP15": (15, 10)}

FIRST_NAMES = (
    "Anna", "Jörg", "Léa", "Paul", "Sofia", "Jürgen", "Marie", "Lukas", "Chloé", "Bram", "Giulia", "Björn", "Elena",
    "Hugo", "Käthe", "Noah", "Inés", "Emma", "René", "Mia", "Thijs", "Clara", "Günter", "Lotte", "Marco", "Zoé",
    "Felix", "Nora", "Hélène", "Jan", "Carla", "Sören", "Ida", "Louis", "Begoña", "Tom",
)  # fmt: skip
LAST_NAMES = (
    "Schmidt", "Müller", "Dubois", "Jansen", "Rossi", "Gómez", "Weber", "Köhler", "Lefèvre", "Bakker", "Ferrari",
    "Schäfer", "Moreau", "Visser", "Romano", "Muñoz", "Fischer", "Groß", "François", "Smit", "Conti", "Jäger",
    "Laurent", "Peeters", "Ricci", "Wagner", "Krüger", "Bernard", "Mulder", "Greco", "Becker", "Schröder", "Petit",
    "Maes", "Costa", "Hofmann", "Böhm", "Roux", "Dekker", "Marino",
)  # fmt: skip
HOSTS = ("post.example", "mail.example", "inbox.example", "letters.example")
OPENERS = (
    "Arrived on time", "Took a little longer than promised", "Ordered for my sister", "Second one we bought",
    "Bought it as a gift", "Came well packed", "The parcel was opened", "Quick and easy", "Honest opinion",
    "We compared three shops",
)  # fmt: skip
BODIES = (
    "the colour is darker than in the picture", 'it says "new" on the box, and it is', "works as described",
    "the finish could be better, to be fair", "exactly what I was looking for", "it feels cheap at this price",
    "my son uses it every day", "size is as expected, quality is good", "one screw was missing",
    "the instructions are hard to read", "a solid piece, nothing to complain of", "it smells a bit at first",
)  # fmt: skip
CLOSERS = (
    "would buy again", "not sure I would buy again", "thank you", "three stars from my wife", "happy with it",
    "the hotline was friendly", "good value", "let us see how long it lasts", "recommended, with care",
)  # fmt: skip

DAY_WEIGHTS = (1.12, 1.0, 0.97, 0.98, 0.9, 0.86, 1.17)  # Monday first
HOUR_WEIGHTS = (6, 3, 2, 1, 1, 2, 5, 12, 22, 30, 36, 38, 40, 36, 35, 37, 41, 48, 58, 70, 78, 66, 40, 17)


class Dice:
    """Frozen streams of random numbers, one for each name."""

    def __init__(self, *salt: object) -> None:
        self._salt = salt

    def _stream(self, name: str) -> np.random.RandomState:
        return np.random.RandomState([zlib.crc32(repr((*self._salt, name)).encode())])

    def uniform(self, name: str, size: int) -> Array:
        return np.asarray(self._stream(name).random_sample(size))

    def normal(self, name: str, size: int) -> Array:
        return np.asarray(self._stream(name).standard_normal(size))

    def index(self, name: str, weights: Sequence[float] | Array, size: int) -> Array:
        """Draw positions with the given weights."""
        edges = np.cumsum(np.asarray(weights, dtype=float))
        drawn = np.searchsorted(edges, self.uniform(name, size) * edges[-1], side="right")
        return np.asarray(np.minimum(drawn, len(edges) - 1))

    def pick(self, name: str, values: Sequence[object], weights: Sequence[float] | None, size: int) -> Array:
        """Draw values with the given weights, or evenly."""
        chosen = self.index(name, [1.0] * len(values) if weights is None else weights, size)
        return np.asarray(np.array(values, dtype=object)[chosen])

    def some(self, name: str, among: Array, count: int) -> Array:
        """Draw `count` different members of `among`, in random order.

        Raises:
            ValueError: there are not so many.
        """
        if count > len(among):
            raise ValueError(f"{name}: {count} rows are wanted and only {len(among)} are fit for it; ask for more rows")
        return np.asarray(among[np.argsort(self.uniform(name, len(among)), kind="stable")[:count]])


def month_of_orders(month: str, size: int, returns: int, people: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Make `size` orders of one month, of which exactly `returns` come back."""
    dice, range_ = Dice(seed, month), products(seed)
    loyalty = np.exp(0.8 * Dice(seed, "loyal").normal("weight", len(people)))
    person = people.iloc[dice.index("who", loyalty, size)].reset_index(drop=True)
    product = range_.iloc[dice.index("what", range_["popularity"].to_numpy(), size)].reset_index(drop=True)
    frame = pd.concat([_ordered(month, size, dice), person, _bought(product, dice), _visit(month, size, dice)], axis=1)
    frame = _paid(_sent(frame, month, dice), dice)
    returned = _returned(frame, returns, dice)
    partly = np.where(dice.uniform("partly", size) < 0.2, 0.5, 1.0)
    back = dice.pick("back", ("return received", "refund paid"), (6, 4), size)
    frame["refund_amount"] = np.where(returned, np.round(frame["amount"].to_numpy() * partly, 2), 0.0)
    frame["last_status"] = np.where(returned, back, "delivered")
    frame["returned"] = returned
    way = dice.some("on its way", np.flatnonzero(~returned), round(0.04 * size))
    frame.loc[way, "delivered_at"], frame.loc[way, "last_status"] = pd.NaT, "in transit"
    return frame.drop(columns="kilograms")


def customers(size: int, seed: int) -> pd.DataFrame:
    """Make the people who order, in every month the same."""
    dice = Dice(seed, "customers")
    place = dice.index("place", [weight for *_, weight in CITIES], size)
    first, last = dice.pick("first", FIRST_NAMES, None, size), dice.pick("last", LAST_NAMES, None, size)
    host, spend = dice.pick("host", HOSTS, None, size), np.exp(5.2 + 1.1 * dice.normal("spend", size))
    names = list(zip(first, last, host, strict=True))
    country, numbers = [CITIES[at][1] for at in place], dice.uniform("phone", size)
    # A stretch of numbers for each, so that no two share one.
    numbers = np.floor(1e6 + 9e6 / size * (np.arange(size) + numbers)).astype(np.int64)
    phone = [f"{COUNTRIES[name][0]} {number}" for name, number in zip(country, numbers, strict=True)]
    return pd.DataFrame(
        {
            "customer_id": 10_000 + np.arange(size),
            "customer_name": [f"{a} {b}" for a, b, _ in names],
            "email": [f"{_plain(a)}.{_plain(b)}{at}@{h}" for at, (a, b, h) in enumerate(names)],
            "phone": _some_empty(phone, dice.uniform("has phone", size) < 0.2),
            "customer_age": np.clip(np.rint(41 + 13 * dice.normal("age", size)), 18, 88).astype(np.int64),
            "loyalty_tier": np.select([spend > 700, spend > 250], ["gold", "silver"], "bronze"),
            "customer_spend": np.round(spend, 2),
            "past_return_rate": np.round(np.clip(0.16 + 0.09 * dice.normal("rate", size), 0, 0.6), 2),
            "city": [CITIES[at][0] for at in place],
            "postal_code": [_postal(at, draw) for at, draw in zip(place, dice.uniform("postal", size), strict=True)],
            "country": country,
        }
    )


def products(seed: int) -> pd.DataFrame:
    """Make what is sold: a SKU, a name, a category, a price, a weight and how often it is bought."""
    dice = Dice(seed, "products")
    made: list[tuple[object, ...]] = []
    for category, (share, log_price, kilograms, _, variants, names) in CATEGORIES.items():
        for name in names:
            spread, heavy, liked = (dice.normal(f"{what} {name}", 1)[0] for what in ("price", "weight", "liking"))
            for step, variant in enumerate(variants):
                price = round(float(np.exp(log_price + 0.5 * spread + 0.06 * step))) - 0.05
                weight = round(float(kilograms * np.exp(0.4 * heavy + 0.1 * step)), 2)
                liking = np.exp(0.4 * liked - 0.15 * step)
                made.append(
                    (f"SKU-{1000 + 7 * len(made)}", f"{name} {variant}", category, price, weight, share, liking)
                )
    goods = pd.DataFrame(
        made, columns=["sku", "product_name", "category", "unit_price", "kilograms", "share", "liking"]
    )
    popularity = goods["share"] * goods["liking"] / goods.groupby("category")["liking"].transform("sum")
    return goods.assign(popularity=popularity)


def _ordered(month: str, size: int, dice: Dice) -> pd.DataFrame:
    """Draw moments of a month, in order: few at night, many on Sunday and Monday and in the evening."""
    days = pd.date_range(f"{month}-01", periods=pd.Period(month).days_in_month, freq="D")
    hour = dice.index("hour", np.outer([DAY_WEIGHTS[day.weekday()] for day in days], HOUR_WEIGHTS).ravel(), size)
    seconds = np.sort(hour * 3600 + np.floor(3600 * dice.uniform("second", size)).astype(np.int64), kind="stable")
    ids = [f"W{month[2:4]}{month[5:]}-{number:05d}" for number in range(1, size + 1)]
    return pd.DataFrame({"order_id": ids, "ordered_at": days[0] + pd.to_timedelta(seconds, unit="s")})


def _bought(product: pd.DataFrame, dice: Dice) -> pd.DataFrame:
    """Say how many pieces were bought, by which code, and what that comes to."""
    size = len(product)
    quantity = 1 + dice.index("quantity", (66, 20, 8, 3, 2, 1), size)
    code = dice.pick("code", list(CODES), [weight for _, weight in CODES.values()], size)
    percent = np.array([CODES[value][0] for value in code], dtype=np.int64)
    amount = np.round(product["unit_price"].to_numpy() * quantity * (1 - percent / 100), 2)
    spent = dice.pick("spent", (50, 100, 200), None, size).astype(np.int64)
    earned = np.maximum(1, np.rint(22 + 11 * dice.normal("points", size)))
    return product[["sku", "product_name", "category", "unit_price"]].assign(
        quantity=quantity,
        discount_code=code,
        discount_pct=percent,
        amount=amount,
        amount_cents=np.rint(amount * 100).astype(np.int64),
        points_change=np.where(dice.uniform("redeems", size) < 0.12, -spent, earned).astype(np.int64),
        kilograms=product["kilograms"].to_numpy() * quantity,
    )


def _visit(month: str, size: int, dice: Dice) -> pd.DataFrame:
    """Say how the customer came, looked round and liked it."""
    visit, minutes = dice.normal("visit", size), dice.normal("minutes", size)
    words = [dice.pick(f"review {at}", pool, None, size) for at, pool in enumerate((OPENERS, BODIES, CLOSERS, BODIES))]
    reviews = [f"{a}; {b}. {d.capitalize()}, {c}." for a, b, c, d in zip(*words, strict=True)]
    sources = ("search", "newsletter", "social", "direct", "partner site")
    return pd.DataFrame(
        {
            "device": dice.pick("device", ("mobile", "desktop", "tablet"), DEVICE_SHARES[month], size),
            "channel": dice.pick("channel", ("web", "app", "marketplace", "phone"), (57, 31, 9, 3), size),
            "page_views": np.maximum(1, np.rint(14 + 5 * visit)).astype(np.int64),
            "session_minutes": np.round(np.maximum(0.5, 11 + 4 * (0.8 * visit + 0.6 * minutes)), 1),
            "rating": np.clip(np.rint(3.6 + 0.95 * dice.normal("rating", size)), 1, 5).astype(np.int64),
            "review": _some_empty(reviews, dice.uniform("silent", size) < 0.35),
            "referrer": dice.pick("referrer", sources, (44, 17, 16, 15, 8), size),
            "source_system": "shop-v2",
        }
    )


def _sent(frame: pd.DataFrame, month: str, dice: Dice) -> pd.DataFrame:
    """Send the goods: by day, one or two days after an express order and two to seven after another."""
    size, express = len(frame), dice.uniform("express", len(frame)) < 0.2
    base = np.array([COUNTRIES[name][1] for name in frame["country"]]) + (MAY_SURCHARGE if month == MAY else 0.0)
    cost = base + 0.4 * frame["kilograms"] + 4.9 * express + 0.8 * dice.normal("postage", size)
    days = np.where(express, 1 + dice.index("fast", (8, 2), size), 2 + dice.index("slow", (24, 34, 22, 12, 5, 3), size))
    seconds = np.floor((8.5 + 10.5 * dice.uniform("at", size)) * 3600)
    return frame.assign(
        weight=[f"{value:.2f} kg" for value in frame["kilograms"]],
        shipping_cost=np.round(np.maximum(0.9, cost), 2),
        express=express,
        carrier=dice.pick("carrier", ("DHL", "DPD", "GLS", "UPS"), (52, 22, 15, 11), size),
        warehouse=dice.pick("warehouse", (1, 2, 3, 4), (4, 3, 2, 1), size),
        delivered_at=frame["ordered_at"].dt.normalize()
        + pd.to_timedelta(days, unit="D")
        + pd.to_timedelta(seconds, unit="s"),
    )


def _paid(frame: pd.DataFrame, dice: Dice) -> pd.DataFrame:
    """Pay some minutes after ordering; the invoice is of the same day or the next."""
    size, methods = len(frame), ("PayPal", "Credit card", "Invoice", "Bank transfer", "Gift card")
    seconds = np.rint(20 - 90 * np.log1p(-dice.uniform("paid", size)))
    invoiced = frame["ordered_at"] + pd.to_timedelta(dice.index("invoice", (7, 3), size), unit="D")
    return frame.assign(
        payment_method=dice.pick("payment", methods, (34, 31, 20, 10, 5), size),
        paid_at=frame["ordered_at"] + pd.to_timedelta(seconds, unit="s"),
        invoice_date=invoiced.dt.strftime("%Y-%m-%d"),
    )


def _returned(frame: pd.DataFrame, count: int, dice: Dice) -> Array:
    """Let exactly `count` orders come back, those likelier whose customers, goods and ratings suggest it."""
    logit = 8 * (frame["past_return_rate"].to_numpy() - 0.16) - 0.45 * (frame["rating"].to_numpy() - 3.6)
    logit = logit + np.array([CATEGORIES[category][3] for category in frame["category"]])
    chance = dice.uniform("returned", len(frame))
    latent = logit + np.log(chance + 1e-12) - np.log1p(-chance)
    returned = np.zeros(len(frame), dtype=bool)
    returned[np.argsort(-latent, kind="stable")[:count]] = True
    return returned


def _some_empty(values: Sequence[str], empty: Array) -> Array:
    cells = np.array(values, dtype=object)
    cells[empty] = None
    return cells


def _plain(name: str) -> str:
    """Write a name in the letters of an address."""
    folded = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return folded.encode("ascii", "ignore").decode()


def _postal(at: int, draw: float) -> str:
    """Make one of some 30 postal codes of a city, none of which another city has."""
    _, country, lead, _ = CITIES[at]
    if country == "Netherlands":
        return f"{lead}{int(draw * 30):02d} {'ABCDEFGHJK'[int(draw * 300) % 10]}{'KLMNPRSTVX'[at % 10]}"
    return f"{lead}{int(draw * 30):02d}" if country in ("Austria", "Belgium") else f"{lead}{at:02d}{int(draw * 10)}"
